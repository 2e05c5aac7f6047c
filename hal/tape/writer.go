package tape

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"

	"volar/hal"
)

// What marks an MCAP file as a tape.
const (
	profile         = "volar"
	version         = "1"
	metaName        = "volar"
	calibrationName = "calibration.json"
)

// The channels of a tape, numbered from 1 in this order.
var channels = [...]struct {
	topic    string
	schema   string
	encoding string // of the schema and of the messages: protobuf, or jsonschema and json
	data     func() []byte
}{
	{"/shot", "volar.Shot", "json", jsonSchema("Shot", "light,rgb,nir")},
	{"/rgb", "foxglove.RawImage", "protobuf", imageSchema},
	{"/nir", "foxglove.RawImage", "protobuf", imageSchema},
	{"/event", "volar.Event", "json", jsonSchema("Event", "at_ns,name,fields")},
	{"/decision", "volar.Decision", "json", jsonSchema("Decision", "at_ns,wave,purpose,status,person,reason")},
	{"/label", "volar.Label", "json", jsonSchema("Label", "palm,person,hand,session,capture,band,kind")},
	{"/still", "foxglove.RawImage", "protobuf", imageSchema},
}

const (
	chShot = 1 + iota
	chRGB
	chNIR
	chEvent
	chDecision
	chLabel
	chStill
)

// shotNote is the message on /shot: what the two images that follow it lack.
type shotNote struct {
	Light string    `json:"light"`
	RGB   frameNote `json:"rgb"`
	NIR   frameNote `json:"nir"`
}

type frameNote struct {
	Seq      uint32        `json:"seq"`
	At       time.Duration `json:"at_ns"`
	Exposure time.Duration `json:"exposure_ns"`
}

// Writer writes a tape. Its methods may be called at the same time: what one
// call writes stays together.
type Writer struct {
	mu    sync.Mutex
	m     *mcap.Writer
	count [len(channels) + 1]uint32
	err   error // the first failure of the destination: all that follows would be lost
}

// Create begins a tape on w. The calibration may be nil on a tape without shots.
func Create(w io.Writer, meta Meta, cal *hal.Calibration) (*Writer, error) {
	if err := meta.Check(); err != nil {
		return nil, err
	}
	// One goroutine, so that equal input has equal bytes whatever the machine.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("tape: create: %w", err)
	}
	m, err := mcap.NewWriter(w, &mcap.WriterOptions{
		IncludeCRC: true, Chunked: true, ChunkSize: 1, OverrideLibrary: true, // a size of 1 closes a chunk after each message
		Compressor: mcap.NewCustomCompressor(mcap.CompressionZSTD, enc),
	})
	if err != nil {
		return nil, fmt.Errorf("tape: create: %w", err)
	}
	t := &Writer{m: m}
	if err := t.begin(meta, cal); err != nil {
		return nil, fmt.Errorf("tape: create: %w", err)
	}
	return t, nil
}

func (t *Writer) begin(meta Meta, cal *hal.Calibration) error {
	if err := t.m.WriteHeader(&mcap.Header{Profile: profile, Library: "volar/hal/tape"}); err != nil {
		return err
	}
	err := t.m.WriteMetadata(&mcap.Metadata{Name: metaName, Metadata: map[string]string{
		"version": version, "board": meta.Board, "unit": meta.Unit, "firmware": meta.Firmware,
		"consent": meta.Consent, "synthetic": strconv.FormatBool(meta.Synthetic),
	}})
	if err != nil {
		return err
	}
	if cal != nil {
		if err := t.attach(cal); err != nil {
			return err
		}
	}
	ids := map[string]uint16{}
	for i, c := range channels {
		if ids[c.schema] == 0 {
			ids[c.schema] = uint16(len(ids) + 1)
			kind := c.encoding
			if kind == "json" {
				kind = "jsonschema"
			}
			if err := t.m.WriteSchema(&mcap.Schema{ID: ids[c.schema], Name: c.schema, Encoding: kind, Data: c.data()}); err != nil {
				return err
			}
		}
		if err := t.m.WriteChannel(&mcap.Channel{ID: uint16(i + 1), SchemaID: ids[c.schema], Topic: c.topic, MessageEncoding: c.encoding}); err != nil {
			return err
		}
	}
	return nil
}

func (t *Writer) attach(cal *hal.Calibration) error {
	if err := cal.Check(); err != nil {
		return err
	}
	b, err := json.Marshal(cal)
	if err != nil {
		return err
	}
	return t.m.WriteAttachment(&mcap.Attachment{
		Name: calibrationName, MediaType: "application/json", DataSize: uint64(len(b)), Data: bytes.NewReader(b),
	})
}

// Shot writes both frames of s. It keeps nothing of s.
func (t *Writer) Shot(s *hal.Shot) error {
	if err := errors.Join(s.Check(), checkFrame(&s.RGB), checkFrame(&s.NIR)); err != nil {
		return fmt.Errorf("tape: write shot: %w", err)
	}
	rgb, nir := marshalImage(&s.RGB), marshalImage(&s.NIR)
	t.mu.Lock()
	defer t.mu.Unlock()
	note := shotNote{Light: s.Light.String()}
	for _, f := range []struct {
		*hal.Frame
		note *frameNote
	}{{&s.RGB, &note.RGB}, {&s.NIR, &note.NIR}} {
		*f.note = frameNote{Seq: f.Seq, At: f.At, Exposure: f.Exposure}
	}
	// One log time for the three, so that tools that sort by it keep them together.
	at := min(s.RGB.At, s.NIR.At)
	if err := t.note(chShot, at, note); err != nil {
		return err
	}
	if err := t.write(chRGB, s.RGB.Seq, at, s.RGB.At, rgb); err != nil {
		return err
	}
	return t.write(chNIR, s.NIR.Seq, at, s.NIR.At, nir)
}

func checkFrame(f *hal.Frame) error {
	if len(f.Pix) > MaxFrame {
		return fmt.Errorf("tape: frame of %d bytes, allowed %d", len(f.Pix), MaxFrame)
	}
	if f.Exposure < 0 {
		return fmt.Errorf("tape: frame exposed for %v", f.Exposure)
	}
	return checkTime("frame", f.At)
}

// Event writes e.
func (t *Writer) Event(e Event) error {
	if err := e.check(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.note(chEvent, e.At, e)
}

// Decision writes d.
func (t *Writer) Decision(d Decision) error {
	if err := d.check(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.note(chDecision, d.At, d)
}

// Still writes one picture.
func (t *Writer) Still(s *Still) error {
	if err := errors.Join(s.Frame.Check(), checkFrame(&s.Frame), s.Label.check()); err != nil {
		return fmt.Errorf("tape: write still: %w", err)
	}
	picture := marshalImage(&s.Frame)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.note(chLabel, s.Frame.At, s.Label); err != nil {
		return err
	}
	return t.write(chStill, s.Frame.Seq, s.Frame.At, s.Frame.At, picture)
}

// Close ends the tape. It does not close the destination. A tape that was
// not closed reads as truncated.
func (t *Writer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	t.err = errors.New("tape: write: the tape is closed")
	if err := t.m.Close(); err != nil {
		return fmt.Errorf("tape: close: %w", err)
	}
	return nil
}

func (t *Writer) note(channel uint16, at time.Duration, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("tape: write %s: %w", channels[channel-1].topic, err)
	}
	t.count[channel]++
	return t.write(channel, t.count[channel], at, at, b)
}

func (t *Writer) write(channel uint16, seq uint32, log, publish time.Duration, data []byte) error {
	if t.err != nil {
		return t.err
	}
	err := t.m.WriteMessage(&mcap.Message{ChannelID: channel, Sequence: seq, LogTime: uint64(log), PublishTime: uint64(publish), Data: data})
	if err != nil {
		t.err = fmt.Errorf("tape: write %s: %w", channels[channel-1].topic, err)
	}
	return t.err
}

// jsonSchema is enough of a JSON schema for a viewer to list the fields.
func jsonSchema(title, fields string) func() []byte {
	return func() []byte {
		props := map[string]any{}
		for _, f := range bytes.Split([]byte(fields), []byte(",")) {
			props[string(f)] = schemaTypes[string(f)]
		}
		b, err := json.Marshal(map[string]any{"title": "volar." + title, "type": "object", "properties": props})
		if err != nil {
			panic(err) // maps of strings always marshal
		}
		return b
	}
}

var (
	schemaText   = map[string]any{"type": "string"}
	schemaNumber = map[string]any{"type": "integer"}
	schemaFrame  = map[string]any{"type": "object", "properties": map[string]any{"seq": schemaNumber, "at_ns": schemaNumber, "exposure_ns": schemaNumber}}
	schemaTypes  = map[string]map[string]any{
		"light": schemaText, "rgb": schemaFrame, "nir": schemaFrame, "at_ns": schemaNumber, "name": schemaText,
		"fields": {"type": "object", "additionalProperties": schemaText}, "wave": schemaNumber, "purpose": schemaText,
		"status": schemaText, "person": schemaText, "reason": schemaText, "palm": schemaText, "hand": schemaText,
		"session": schemaText, "capture": schemaText, "band": schemaText, "kind": schemaText,
	}
)
