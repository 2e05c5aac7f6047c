package link

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"volar/wire"
)

func TestZeroResponder(t *testing.T) {
	var r Responder
	if _, _, err := r.Receive(t.Context(), helloFrame(tenant)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := r.Reply(answerTo(begin)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	w := newWorld(t)
	for name, change := range map[string]func(*ServerConfig){
		"key":       func(c *ServerConfig) { c.Key = nil },
		"evidence":  func(c *ServerConfig) { c.Evidence = nil },
		"authorise": func(c *ServerConfig) { c.Authorise = nil },
	} {
		cfg := w.server()
		change(&cfg)
		if r, err := NewResponder(cfg); err == nil || r != nil {
			t.Errorf("a responder without %s", name)
		}
	}
}

// at brings a responder to a state; f seals the device's chunks once there is a session.
func (w *world) at(t *testing.T, s state) (r *Responder, f *foreign) {
	t.Helper()
	r = w.responder(t)
	switch s {
	case stateFirst, stateThird:
		d := newDeviceFrames(t, w, r)
		for range map[state]int{stateFirst: 1, stateThird: 2}[s] {
			d.step(t)
		}
	case stateOpen, stateOwing:
		f = w.foreignDevice(t, r, foreignKey())
		if plain, _ := wire.Encode(begin); s == stateOwing {
			if _, _, err := r.Receive(t.Context(), f.chunks(6, f.up, plain)[0]); err != nil {
				t.Fatal(err)
			}
		}
	case stateClosed:
		r.Close()
	}
	if r.state != s {
		t.Fatalf("state %d, want %d", r.state, s)
	}
	return r, f
}

// Every type of frame in every state: only the one that is due is taken, and
// whatever else comes ends the session.
func TestOutOfTurn(t *testing.T) {
	w := newWorld(t)
	due := map[state]byte{stateHello: frameHello, stateFirst: frameFirst, stateThird: frameThird, stateOpen: frameUp}
	for s := stateClosed; s <= stateOwing; s++ {
		for kind := range 10 {
			if due[s] == byte(kind) && kind != 0 {
				continue
			}
			r, f := w.at(t, s)
			frame := make([]byte, 49)
			frame[0] = byte(kind)
			switch byte(kind) {
			case frameHello:
				frame = helloFrame(tenant)
			case frameUp:
				if plain, _ := wire.Encode(begin); f != nil {
					frame = f.chunks(6, f.up, plain)[0]
				}
			}
			want := ErrFrame
			if s == stateClosed {
				want = ErrClosed
			}
			if reply, m, err := r.Receive(t.Context(), frame); !errors.Is(err, want) || reply != nil || m != nil {
				t.Errorf("state %d, type %d: %v", s, kind, err)
			}
			if r.state != stateClosed || r.up != nil || r.down != nil {
				t.Errorf("state %d, type %d: still open", s, kind)
			}
		}
		if s == stateOwing {
			continue
		}
		r, _ := w.at(t, s)
		if _, err := r.Reply(answerTo(begin)); err == nil || r.state != stateClosed {
			t.Errorf("state %d: a reply to nothing", s)
		}
	}
}

// What a device that holds the keys may send, and may not.
func TestSealedNonsense(t *testing.T) {
	w := newWorld(t)
	answer, _ := wire.Encode(wire.Answer{})
	plain, _ := wire.Encode(begin)
	for name, plain := range map[string][]byte{
		"nothing sensible": []byte("hello"),
		"an answer":        answer,
		"a byte behind":    append(plain, 0),
		"too long":         make([]byte, wire.MaxMessage+1),
	} {
		r, f := w.at(t, stateOpen)
		var err error
		for _, frame := range f.chunks(6, f.up, plain) {
			if _, m, e := r.Receive(t.Context(), frame); e != nil {
				err = e
			} else if m != nil {
				t.Errorf("%s: accepted %v", name, m)
			}
		}
		if err == nil || r.state != stateClosed {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, m := range map[string]wire.Message{"nil": nil, "begin": begin, "bad answer": wire.Answer{Status: wire.Accepted}} {
		r, _ := w.at(t, stateOwing)
		if b, err := r.Reply(m); err == nil || b != nil || r.state != stateClosed {
			t.Errorf("the vault said %s: %v", name, err)
		}
	}
}

// A device that holds the keys cuts a message in a way of its own: every
// chunk is authentic, and refused.
func TestSealedCuts(t *testing.T) {
	type chunk struct {
		size, total int
		final       byte
	}
	w := newWorld(t)
	for name, chunks := range map[string][]chunk{
		"short first":     {{100, 1000, 0}},
		"short and final": {{100, 1000, 1}},
		"long":            {{100, 50, 1}},
		"not final":       {{100, 100, 0}},
		"final 2":         {{100, 100, 2}},
		"empty":           {{0, 0, 1}},
		"empty first":     {{0, 100, 0}},
		"too long":        {{MaxChunk, wire.MaxMessage + 1, 0}},
		"longest":         {{MaxChunk, 1<<32 - 1, 0}},
		"another total":   {{MaxChunk, MaxChunk + 100, 0}, {99, MaxChunk + 99, 1}},
		"nothing more":    {{MaxChunk, MaxChunk + 100, 0}, {0, MaxChunk + 100, 1}},
		"more than there": {{MaxChunk, MaxChunk + 100, 0}, {101, MaxChunk + 100, 1}},
	} {
		r, f := w.at(t, stateOpen)
		for i, c := range chunks {
			frame := binary.BigEndian.AppendUint32([]byte{6, c.final}, uint32(c.total))
			frame = append(frame, f.up.seal(f.ad(6, 0, uint32(i), uint32(c.total), c.final), make([]byte, c.size))...)
			before := r.up.part
			_, m, err := r.Receive(t.Context(), frame)
			if last := i == len(chunks)-1; errors.Is(err, ErrFrame) != last || m != nil {
				t.Errorf("%s, chunk %d: %v", name, i, err)
			} else if last && len(before) != i*MaxChunk {
				t.Errorf("%s: %d bytes were kept", name, len(before))
			}
		}
	}
}

// A message that was cut off does not stay in memory.
func TestPartIsWiped(t *testing.T) {
	r, f := newWorld(t).at(t, stateOpen)
	plain, _ := wire.Encode(sample(1))
	if _, _, err := r.Receive(t.Context(), f.chunks(6, f.up, plain)[0]); err != nil {
		t.Fatal(err)
	}
	part := r.up.part
	if len(part) != MaxChunk || part[len(part)-1] == 0 {
		t.Fatalf("%d bytes have come", len(part))
	}
	r.Close()
	for i, b := range part {
		if b != 0 {
			t.Fatalf("byte %d of the part is left", i)
		}
	}
}

func TestEvidenceRefused(t *testing.T) {
	w := newWorld(t)
	none := errors.New("no such tenant")
	for name, c := range map[string]struct {
		evidence []byte
		err      error
	}{"an error": {nil, none}, "none": {nil, nil}, "too much": {make([]byte, MaxEvidence+1), nil}} {
		cfg := w.server()
		cfg.Evidence = func(context.Context, wire.Hello) ([]byte, error) { return c.evidence, c.err }
		r, _ := NewResponder(cfg)
		if reply, _, err := r.Receive(t.Context(), helloFrame(tenant)); err == nil || !errors.Is(err, c.err) && c.err != nil || reply != nil || r.state != stateClosed {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := w.responder(t).Receive(ctx, helloFrame(tenant)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCheckCredential(t *testing.T) {
	w := newWorld(t)
	operator := w.operator.Public().(ed25519.PublicKey)
	other, _, _ := ed25519.GenerateKey(nil)
	h := wire.Hello{Tenant: tenant}
	for name, c := range map[string]struct {
		h        wire.Hello
		device   [32]byte
		b        []byte
		operator ed25519.PublicKey
		now      time.Time
		ok       bool
	}{
		"honest":         {h, w.device.Public(), w.credential, operator, time.Unix(0, 0), true},
		"another tenant": {wire.Hello{Tenant: "other"}, w.device.Public(), w.credential, operator, time.Unix(0, 0), false},
		"another device": {h, w.vault.Public(), w.credential, operator, time.Unix(0, 0), false},
		"no device":      {h, [32]byte{}, w.credential, operator, time.Unix(0, 0), false},
		"no credential":  {h, w.device.Public(), nil, operator, time.Unix(0, 0), false},
		"other operator": {h, w.device.Public(), w.credential, other, time.Unix(0, 0), false},
		"no operator":    {h, w.device.Public(), w.credential, nil, time.Unix(0, 0), false},
		"expired":        {h, w.device.Public(), w.credential, operator, time.Unix(1<<40+1, 0), false},
	} {
		if err := CheckCredential(c.h, c.device, c.b, c.operator, c.now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
