package tape

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/foxglove/mcap/go/mcap"

	"volar/hal"
)

// Reader reads a tape from its beginning.
type Reader struct {
	raw    *bufio.Reader
	unpack *unpacker
	outer  records
	inner  *records // of the open chunk, nil between chunks
	meta   Meta
	cal    *hal.Calibration
	topics map[uint16]string
	shot   *shotNote  // announced, its frames still to come
	rgb    *hal.Frame // of that shot
	label  *Label     // announced, its picture still to come
	ended  bool       // the data section is over
	err    error      // sticky
}

// Open reads the head of a tape. What is not a tape is ErrForeign, one that
// ends in its head is ErrTruncated.
func Open(r io.Reader) (*Reader, error) {
	u, err := newUnpacker()
	if err != nil {
		return nil, fmt.Errorf("tape: open: %w", err)
	}
	t := &Reader{raw: bufio.NewReaderSize(r, 64<<10), unpack: u, topics: map[uint16]string{}}
	t.outer.r = t.raw
	if err := t.open(); err != nil {
		if cut(err) {
			return nil, fmt.Errorf("tape: open: %w", ErrTruncated)
		}
		return nil, err
	}
	return t, nil
}

func (t *Reader) open() error {
	head, err := t.raw.Peek(64)
	if len(head) < len(mcap.Magic) && bytes.HasPrefix(mcap.Magic, head) {
		return unexpected(err)
	}
	if !bytes.HasPrefix(head, mcap.Magic) {
		return foreign(head)
	}
	if _, err := readN(&t.outer, int64(len(mcap.Magic))); err != nil {
		return err
	}
	op, body, err := t.outer.next()
	if err != nil {
		return err
	}
	if op != mcap.OpHeader {
		return fmt.Errorf("tape: open: begins with a %v record: %w", op, ErrDamaged)
	}
	h, err := mcap.ParseHeader(body)
	if err != nil {
		return fmt.Errorf("tape: open: header: %w: %w", err, ErrDamaged)
	}
	if h.Profile != profile {
		return fmt.Errorf("%w but an MCAP file of profile %.32q; make tapes with `palmsim record`", ErrForeign, h.Profile)
	}
	return t.prelude()
}

// prelude reads what stands before the first message.
func (t *Reader) prelude() error {
	known := false
	for {
		next, err := t.raw.Peek(1)
		if err != nil {
			return err
		}
		switch mcap.OpCode(next[0]) {
		case mcap.OpMetadata, mcap.OpAttachment:
		default:
			if !known {
				return fmt.Errorf("tape: open: no metadata record %q: %w", metaName, ErrDamaged)
			}
			return nil
		}
		op, body, err := t.outer.next()
		if err != nil {
			return err
		}
		if op == mcap.OpMetadata {
			known, err = t.metadata(body)
		} else {
			err = t.attachment(body)
		}
		if err != nil {
			return fmt.Errorf("tape: open: %w", err)
		}
	}
}

func (t *Reader) metadata(body []byte) (known bool, err error) {
	m, err := mcap.ParseMetadata(body)
	if err != nil {
		return false, fmt.Errorf("metadata: %w: %w", err, ErrDamaged)
	}
	if m.Name != metaName {
		return t.meta.Board != "", nil
	}
	f := m.Metadata
	if f["version"] != version {
		return false, fmt.Errorf("tape version %.16q, known is %s: %w", f["version"], version, ErrForeign)
	}
	if s := f["synthetic"]; s != "true" && s != "false" {
		return false, fmt.Errorf("metadata: synthetic is %.16q: %w", s, ErrDamaged)
	}
	t.meta = Meta{Board: f["board"], Unit: f["unit"], Firmware: f["firmware"], Consent: f["consent"], Synthetic: f["synthetic"] == "true"}
	if err := t.meta.Check(); err != nil {
		return false, fmt.Errorf("metadata: %w: %w", err, ErrDamaged)
	}
	return true, nil
}

func (t *Reader) attachment(body []byte) error {
	name, data, err := parseAttachment(body)
	if err != nil || name != calibrationName {
		return err
	}
	if t.cal, err = hal.ParseCalibration(data); err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return nil
}

// Meta says where the tape comes from.
func (t *Reader) Meta() Meta { return t.meta }

// Calibration is that of the cameras, nil on a tape without shots.
func (t *Reader) Calibration() *hal.Calibration { return t.cal }

// Next returns the next item, which is the caller's to keep. After the last
// it returns io.EOF; ErrTruncated, and all that was whole before it, where
// the file was cut.
func (t *Reader) Next() (Item, error) {
	for t.err == nil {
		item, ok, err := t.step()
		if ok {
			return item, nil
		}
		if err != nil {
			t.err = t.explain(err)
			t.unpack.zstd.Close()
		}
	}
	return Item{}, t.err
}

func (t *Reader) explain(err error) error {
	switch {
	case err == errDone:
		return io.EOF
	case cut(err):
		return fmt.Errorf("tape: read: %w", ErrTruncated)
	}
	return fmt.Errorf("tape: read: %w", err)
}

// cut tells whether the file itself ended: a value inside a whole record can
// end too early as well, but then it is damaged.
func cut(err error) bool {
	return (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && !errors.Is(err, ErrDamaged)
}

// errDone is the end of a whole tape, where io.EOF is that of a cut one.
var errDone = errors.New("tape: done")

// step reads one record; ok tells that it completed an item.
func (t *Reader) step() (item Item, ok bool, err error) {
	if t.inner == nil {
		op, body, err := t.outer.next()
		if err != nil {
			return item, false, err
		}
		return t.act(op, body, false)
	}
	op, body, err := t.inner.next()
	if err == io.EOF {
		t.inner = nil
		return item, false, nil
	}
	if err == io.ErrUnexpectedEOF {
		return item, false, fmt.Errorf("record longer than its chunk: %w", ErrDamaged)
	}
	if err != nil {
		return item, false, err
	}
	return t.act(op, body, true)
}

func (t *Reader) act(op mcap.OpCode, body []byte, inside bool) (item Item, ok bool, err error) {
	switch {
	case op == mcap.OpFooter && t.ended && !inside:
		return item, false, t.finish()
	case op == mcap.OpDataEnd && !inside && !t.ended:
		if t.shot != nil || t.label != nil {
			return item, false, fmt.Errorf("half a shot at the end: %w", ErrDamaged)
		}
		t.ended = true
		return item, false, t.checkSum(body)
	case op == mcap.OpSchema:
	case op == mcap.OpChannel:
		return item, false, t.channel(body)
	case t.ended:
		return item, false, fmt.Errorf("%v record after the end of the data: %w", op, ErrDamaged)
	case op == mcap.OpMessage:
		return t.message(body)
	case op == mcap.OpChunk && !inside:
		plain, err := t.unpack.unpack(body)
		if err != nil {
			return item, false, err
		}
		t.inner = &records{r: bytes.NewReader(plain)}
	case (op == mcap.OpMetadata || op == mcap.OpAttachment) && !inside: // other tools add theirs
	default:
		return item, false, fmt.Errorf("%v record in a wrong place: %w", op, ErrDamaged)
	}
	return item, false, nil
}

// checkSum compares the sum of all data with that in the DataEnd record.
func (t *Reader) checkSum(body []byte) error {
	end, err := mcap.ParseDataEnd(body)
	if err != nil {
		return fmt.Errorf("end of data: %w: %w", err, ErrDamaged)
	}
	if end.DataSectionCRC != 0 && end.DataSectionCRC != t.outer.before {
		return fmt.Errorf("data with a wrong checksum: %w", ErrDamaged)
	}
	return nil
}

// finish checks that the file ends where it says.
func (t *Reader) finish() error {
	var magic [8]byte
	if _, err := io.ReadFull(t.raw, magic[:]); err != nil {
		return err
	}
	if !bytes.Equal(magic[:], mcap.Magic) {
		return fmt.Errorf("ends without its magic: %w", ErrDamaged)
	}
	if _, err := t.raw.ReadByte(); err == nil {
		return fmt.Errorf("bytes after the end: %w", ErrDamaged)
	} else if err != io.EOF {
		return err
	}
	return errDone
}

// channel learns which number a topic has: other tools renumber.
func (t *Reader) channel(body []byte) error {
	c, err := mcap.ParseChannel(body)
	if err != nil {
		return fmt.Errorf("channel: %w: %w", err, ErrDamaged)
	}
	if old, ok := t.topics[c.ID]; ok && old != c.Topic {
		return fmt.Errorf("channel %d is both %.32q and %.32q: %w", c.ID, old, c.Topic, ErrDamaged)
	}
	if len(t.topics) >= 256 {
		return fmt.Errorf("more than 256 channels: %w", ErrDamaged)
	}
	t.topics[c.ID] = strings.Clone(c.Topic)
	return nil
}

func (t *Reader) message(body []byte) (item Item, ok bool, err error) {
	m, err := mcap.ParseMessage(body)
	if err != nil {
		return item, false, fmt.Errorf("message: %w: %w", err, ErrDamaged)
	}
	topic := t.topics[m.ChannelID]
	if item, ok, err = t.read(topic, m); err != nil {
		return Item{}, false, fmt.Errorf("%s message: %w: %w", topic, err, ErrDamaged)
	}
	return item, ok, nil
}

// read takes one message into the item that it belongs to. Topics of other
// tools are passed over.
func (t *Reader) read(topic string, m *mcap.Message) (item Item, ok bool, err error) {
	data := m.Data
	waiting := ""
	switch {
	case t.shot != nil && t.rgb == nil:
		waiting = "/rgb"
	case t.shot != nil:
		waiting = "/nir"
	case t.label != nil:
		waiting = "/still"
	}
	switch topic {
	case "/shot", "/rgb", "/nir", "/event", "/decision", "/label", "/still":
		picture := topic == "/rgb" || topic == "/nir" || topic == "/still"
		if waiting != "" && topic != waiting || waiting == "" && picture {
			return item, false, fmt.Errorf("out of order, expected %q", waiting)
		}
	}
	switch topic {
	case "/shot":
		t.shot = new(shotNote)
		return item, false, decodeStrict(data, t.shot)
	case "/rgb":
		f, err := t.frame(data, hal.RGB, t.shot.RGB)
		t.rgb = f
		return item, false, err
	case "/nir":
		item.Shot, err = t.pair(data)
		return item, err == nil, err
	case "/label":
		t.label = new(Label)
		return item, false, errors.Join(decodeStrict(data, t.label), t.label.check())
	case "/still":
		f, err := unmarshalImage(data)
		f.Seq = m.Sequence
		item.Still = &Still{Label: *t.label, Frame: f}
		t.label = nil
		return item, err == nil, err
	case "/event":
		item.Event = new(Event)
		err := errors.Join(decodeStrict(data, item.Event), item.Event.check())
		return item, err == nil, err
	case "/decision":
		item.Decision = new(Decision)
		err := errors.Join(decodeStrict(data, item.Decision), item.Decision.check())
		return item, err == nil, err
	}
	return item, false, nil
}

// frame joins an image with what its shot said about it.
func (t *Reader) frame(data []byte, band hal.Band, note frameNote) (*hal.Frame, error) {
	f, err := unmarshalImage(data)
	if err != nil {
		return nil, err
	}
	if f.Band != band || f.At != note.At {
		return nil, fmt.Errorf("%v frame of %v where the shot says %v of %v", f.Band, f.At, band, note.At)
	}
	f.Seq, f.Exposure = note.Seq, note.Exposure
	return &f, checkFrame(&f)
}

func (t *Reader) pair(data []byte) (*hal.Shot, error) {
	nir, err := t.frame(data, hal.NIR, t.shot.NIR)
	if err != nil {
		return nil, err
	}
	light, err := hal.ParseLight(t.shot.Light)
	if err != nil {
		return nil, err
	}
	s := &hal.Shot{RGB: *t.rgb, NIR: *nir, Light: light}
	t.shot, t.rgb = nil, nil
	return s, s.Check()
}

// decodeStrict reads one JSON value without unknown fields or trailing bytes.
func decodeStrict(data []byte, v any) error {
	if len(data) > maxNote {
		return fmt.Errorf("%d bytes, allowed %d", len(data), maxNote)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("bytes after the value")
	}
	return nil
}
