package link

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"volar/wire"
)

// FuzzReceive is a host that has no keys: a stream of frames to a fresh vault
// brings no message out of it.
func FuzzReceive(f *testing.F) {
	w := newWorld(f)
	stream := func(frames ...[]byte) []byte {
		var b bytes.Buffer
		for _, frame := range frames {
			wire.WriteFrame16(&b, frame)
		}
		return b.Bytes()
	}
	first := append([]byte{frameFirst}, make([]byte, firstSize-1)...)
	f.Add(stream(helloFrame(tenant)))
	f.Add(stream(helloFrame(tenant), first))
	f.Add(stream(helloFrame(tenant), first, append([]byte{frameThird}, make([]byte, thirdLeast)...)))
	f.Add(stream([]byte{frameUp, 1, 0, 0, 0, 1}, []byte{9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := w.responder(t)
		frames := bytes.NewReader(b)
		failed := false
		for {
			frame, err := wire.ReadFrame16(frames)
			if err != nil {
				return
			}
			reply, m, err := r.Receive(t.Context(), frame)
			if m != nil || r.DeviceKey() != [32]byte{} {
				t.Fatalf("%x made a session", b)
			}
			if failed && err == nil || err != nil && reply != nil {
				t.Fatalf("%x goes on after an error", b)
			}
			failed = err != nil
		}
	})
}

// FuzzHost is a host in the middle of an open session that drops, repeats, swaps,
// changes and invents frames: a byte of the input is one step, its low three bits say
// what and the rest where. Only what the device said is accepted, in its order, and nothing
// after the first step that was not honest.
func FuzzHost(f *testing.F) {
	w := newWorld(f)
	static := foreignKey()
	said := []wire.Message{begin, sample(1), wire.Begin{Purpose: wire.Enrol}, sample(2), begin}
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 1})
	f.Add([]byte{0, 2, 0})
	f.Add([]byte{0, 0, 8 + 3, 0})
	f.Add([]byte{0, 4, 5, 6, 7})
	f.Fuzz(func(t *testing.T, steps []byte) {
		v := &vaultSide{Responder: w.responder(t)}
		device := w.foreignDevice(t, v.Responder, static)
		var frames [][]byte
		var honest []string
		for _, m := range said {
			plain, _ := wire.Encode(m)
			frames = append(frames, device.chunks(6, device.up, plain)...)
			honest = append(honest, name(m))
		}
		next, delivered, most := 0, 0, 0
		for _, step := range steps {
			frame, where := frames[next%len(frames)], int(step>>3)
			switch step & 7 {
			case 0: // the next
				next++
			case 1: // the one before
				frame = frames[max(next-1, 0)%len(frames)]
			case 2: // drop
				next++
				continue
			case 3: // flip
				frame = flipped(frame, where*len(frame)*8/32)
			case 4: // cut
				frame = frame[:len(frame)*where/32]
			case 5: // a later one
				frame = frames[(next+where)%len(frames)]
			case 6: // another head
				frame = rewrite(frame, frame[1]^byte(where&1), int(binary.BigEndian.Uint32(frame[2:]))+where)
			case 7: // invented
				frame = append([]byte{byte(where & 7)}, steps...)
			}
			v.handle(frame)
			// As long as what was delivered is what was said, it counts.
			if delivered >= 0 && delivered < len(frames) && bytes.Equal(frame, frames[delivered]) {
				delivered++
				most = len(v.accepted)
			} else {
				delivered = -1
			}
		}
		if len(v.accepted) > most || !slices.Equal(v.accepted, honest[:most]) {
			t.Errorf("steps %x: the vault accepted %q", steps, v.accepted)
		}
	})
}

// tape is a connection whose other end was recorded.
type tape struct{ *bytes.Reader }

func (tape) Write(b []byte) (int, error) { return len(b), nil }
func (tape) Close() error                { return nil }
func (tape) SetDeadline(time.Time) error { return nil }

// FuzzDial is a vault that has no key, against a device that believes any evidence.
func FuzzDial(f *testing.F) {
	w := newWorld(f)
	var b bytes.Buffer
	wire.WriteFrame16(&b, []byte{frameEvidence, 1})
	wire.WriteFrame16(&b, append([]byte{frameSecond}, make([]byte, secondSize-1)...))
	f.Add(b.Bytes())
	f.Add([]byte{0, 1, 2})
	cfg := w.client()
	cfg.Verify = func([]byte, [32]byte) ([32]byte, error) { return w.vault.Public(), nil }
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Dial(t.Context(), tape{bytes.NewReader(b)}, cfg); err == nil {
			t.Errorf("%x is a vault: %v", b, s.binding)
		}
	})
}
