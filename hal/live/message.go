package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"volar/hal"
)

// Kinds of messages. A reply has its request's number and kind, or is a
// kindError.
const (
	kindHello   = 1 + iota // reply: the calibration, JSON
	kindShoot              // light u16; reply: a shot
	kindWait               // near u8; reply: nothing
	kindNext               // reply: an order
	kindDecided            // an outcome; no reply
	kindCue                // cue u8; no reply
	kindCancel             // ends the request of that number; no reply
	kindError              // code u8, text
)

// Limits of a message, checked before memory is taken.
const (
	maxMessage = 32 << 20
	maxText    = 1024
	head       = 4 + 1 // number, kind
)

// message is one message: u32 length of what follows, u32 number, u8 kind, body.
// All numbers are big endian.
type message struct {
	number uint32
	kind   uint8
	body   []byte
}

func (m message) write(w io.Writer) error {
	b := make([]byte, 4+head, 4+head+len(m.body))
	binary.BigEndian.PutUint32(b, uint32(head+len(m.body)))
	binary.BigEndian.PutUint32(b[4:], m.number)
	b[8] = m.kind
	_, err := w.Write(append(b, m.body...))
	return err
}

func readMessage(r io.Reader) (message, error) {
	var h [4 + head]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return message{}, err
	}
	n := binary.BigEndian.Uint32(h[:])
	if n < head || n > maxMessage {
		return message{}, fmt.Errorf("live: message of %d bytes, allowed %d to %d", n, head, maxMessage)
	}
	m := message{number: binary.BigEndian.Uint32(h[4:]), kind: h[8], body: make([]byte, n-head)}
	_, err := io.ReadFull(r, m.body)
	return m, err
}

// fields reads big-endian fields. After the first that does not fit, ok is
// false and all are zero.
type fields struct {
	b  []byte
	ok bool
}

func (f *fields) take(n int) []byte {
	if !f.ok || n < 0 || n > len(f.b) {
		f.ok = false
		return make([]byte, min(max(n, 0), 16))
	}
	var first []byte
	first, f.b = f.b[:n], f.b[n:]
	return first
}

func (f *fields) u8() uint8               { return f.take(1)[0] }
func (f *fields) u16() uint16             { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32             { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) duration() time.Duration { return time.Duration(binary.BigEndian.Uint64(f.take(8))) }

func (f *fields) text() string {
	n := int(f.u16())
	if n > maxText {
		f.ok = false
	}
	return string(f.take(n))
}

func (f *fields) end(what string) error {
	if !f.ok || len(f.b) != 0 {
		return fmt.Errorf("live: %s of a wrong length", what)
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), maxText)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// encodeShot writes light u16 and twice: format u8, width u16, height u16,
// stride u32, sequence u32, at i64, exposure i64 (ns), length u32, pixels.
func encodeShot(s *hal.Shot) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(s.Light))
	for _, f := range []*hal.Frame{&s.RGB, &s.NIR} {
		b = append(b, uint8(f.Format))
		b = binary.BigEndian.AppendUint16(b, uint16(f.Width))
		b = binary.BigEndian.AppendUint16(b, uint16(f.Height))
		b = binary.BigEndian.AppendUint32(b, uint32(f.Stride))
		b = binary.BigEndian.AppendUint32(b, f.Seq)
		b = binary.BigEndian.AppendUint64(b, uint64(f.At))
		b = binary.BigEndian.AppendUint64(b, uint64(f.Exposure))
		b = binary.BigEndian.AppendUint32(b, uint32(len(f.Pix)))
		b = append(b, f.Pix...)
	}
	return b
}

// decodeShot refuses what no camera may give. The pixels are those of b.
func decodeShot(b []byte) (hal.Shot, error) {
	f := fields{b, true}
	s := hal.Shot{Light: hal.Light(f.u16())}
	for band, frame := range []*hal.Frame{&s.RGB, &s.NIR} {
		frame.Band, frame.Format = hal.Band(band), hal.Format(f.u8())
		frame.Width, frame.Height, frame.Stride = int(f.u16()), int(f.u16()), int(f.u32())
		frame.Seq, frame.At, frame.Exposure = f.u32(), f.duration(), f.duration()
		frame.Pix = f.take(int(f.u32()))
	}
	if err := f.end("shot"); err != nil {
		return hal.Shot{}, err
	}
	if err := s.Check(); err != nil {
		return hal.Shot{}, fmt.Errorf("live: %w", err)
	}
	return s, nil
}

// Order is what a wave is to be taken for, in the words of the till behind
// the device: "identify", "enrol".
type Order struct {
	Purpose string
	Person  [16]byte // for who claims to be somebody; zero otherwise
}

func (o *Order) encode() []byte { return append(appendText(nil, o.Purpose), o.Person[:]...) }

func decodeOrder(b []byte) (o Order, err error) {
	f := fields{b, true}
	o.Purpose = f.text()
	copy(o.Person[:], f.take(16))
	return o, f.end("order")
}

// Outcome is how a wave ended, as the device tells it.
type Outcome struct {
	Text   string
	Person [16]byte // where somebody was accepted
	Bursts int
	Took   time.Duration
}

func (o *Outcome) encode() []byte {
	b := append(appendText(nil, o.Text), o.Person[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(o.Bursts))
	return binary.BigEndian.AppendUint64(b, uint64(o.Took))
}

func decodeOutcome(b []byte) (o Outcome, err error) {
	f := fields{b, true}
	o.Text = f.text()
	copy(o.Person[:], f.take(16))
	o.Bursts, o.Took = int(f.u32()), f.duration()
	return o, f.end("outcome")
}

// causes are the errors that keep their meaning on the way.
var causes = []error{nil, hal.ErrSkew, hal.ErrHalf, hal.ErrStalled, hal.ErrUnplugged, hal.ErrEnd}

func encodeError(err error) []byte {
	code := 0
	for i, c := range causes {
		if c != nil && errors.Is(err, c) {
			code = i
		}
	}
	return appendText([]byte{uint8(code)}, err.Error())
}

func decodeError(b []byte) error {
	f := fields{b, true}
	code, text := f.u8(), f.text()
	if err := f.end("error"); err != nil {
		return err
	}
	if code == 0 || int(code) >= len(causes) {
		return fmt.Errorf("live: %s", text)
	}
	return fmt.Errorf("live: %w: %s", causes[code], text)
}
