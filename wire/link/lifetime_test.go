package link

import (
	"context"
	"crypto/ecdh"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"volar/wire"
)

var begin = wire.Begin{Purpose: wire.Identify}

func call(t *testing.T, s *Session) {
	t.Helper()
	if m, err := s.Call(t.Context(), begin); err != nil || m != answerTo(begin) {
		t.Fatal(m, err)
	}
}

// A session is renewed between calls, on the same connection, and both sides know it.
func TestRenewal(t *testing.T) {
	for name, c := range map[string]struct {
		wait  time.Duration
		bytes uint64
		fresh bool
	}{
		"young":   {RenewAfter - 1, 0, false},
		"old":     {RenewAfter, 0, true},
		"last":    {StopAfter - 1, 0, true},
		"light":   {0, RenewBytes - 100, false},
		"heavy":   {0, RenewBytes, true},
		"heavier": {0, StopBytes - 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, v := w.connect(t)
				call(t, s)
				before := s.binding
				time.Sleep(c.wait)
				if c.bytes > 0 {
					s.life.bytes, v.life.bytes = c.bytes, c.bytes
				}
				call(t, s)
				if fresh := s.binding != before; fresh != c.fresh {
					t.Errorf("new keys %v, want %v", fresh, c.fresh)
				}
				if s.binding != v.binding || s.life.bytes != v.life.bytes || v.DeviceKey() != w.device.Public() || len(v.accepted) != 2 {
					t.Error("the two sides disagree")
				}
				if c.fresh && s.life.bytes != 21+37 {
					t.Errorf("%d bytes are counted after a renewal and one call", s.life.bytes)
				}
			})
		})
	}
}

// A session that is used all the time is renewed again and again.
func TestLongSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v := newWorld(t).connect(t)
		names := map[[32]byte]bool{}
		for range 100 {
			call(t, s)
			names[s.binding] = true
			time.Sleep(13 * time.Second)
		}
		if len(v.accepted) != 100 || len(names) != 10 { // new keys every 130 s
			t.Errorf("%d calls with %d sets of keys", len(v.accepted), len(names))
		}
	})
}

// The device's hard stop: it does not even ask.
func TestSessionStops(t *testing.T) {
	for name, age := range map[string]func(s *Session){
		"time":  func(*Session) { time.Sleep(StopAfter) },
		"bytes": func(s *Session) { s.life.bytes = StopBytes },
	} {
		synctest.Test(t, func(t *testing.T) {
			s, v := newWorld(t).connect(t)
			call(t, s)
			age(s)
			for range 2 {
				if _, err := s.Call(t.Context(), begin); !errors.Is(err, ErrExpired) || len(v.accepted) != 1 {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// The vault's hard stop, against a device that ignores its own.
func TestResponderStops(t *testing.T) {
	for name, age := range map[string]func(r *Responder){
		"time":  func(*Responder) { time.Sleep(StopAfter) },
		"bytes": func(r *Responder) { r.life.bytes = StopBytes },
	} {
		for _, what := range []string{"chunk", "hello", "reply"} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.responder(t)
				f := w.foreignDevice(t, r, foreignKey())
				plain, _ := wire.Encode(begin)
				frame := f.chunks(6, f.up, plain)[0]
				var err error
				switch what {
				case "chunk":
					age(r)
					_, _, err = r.Receive(t.Context(), frame)
				case "hello":
					age(r)
					_, _, err = r.Receive(t.Context(), helloFrame(tenant))
				case "reply":
					if _, _, err := r.Receive(t.Context(), frame); err != nil {
						t.Fatal(err)
					}
					age(r)
					_, err = r.Reply(answerTo(begin))
				}
				if !errors.Is(err, ErrExpired) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			})
		}
	}
}

func helloFrame(tenant string) []byte {
	b, err := wire.EncodeHello(wire.Hello{Tenant: tenant, Nonce: [32]byte{6}})
	if err != nil {
		panic(err)
	}
	return append([]byte{frameHello}, b...)
}

// A vault that takes a call and says nothing holds the device until the hard stop, no longer.
func TestSilentVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		near, far := net.Pipe()
		v := &vaultSide{Responder: w.responder(t)}
		go func() {
			for range 3 { // the handshake
				frame, _ := wire.ReadFrame16(far)
				if reply, _ := v.handle(frame); reply != nil {
					wire.WriteFrame16(far, reply)
				}
			}
			wire.ReadFrame16(far)
		}()
		s, err := Dial(t.Context(), near, w.client())
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		time.Sleep(time.Second)
		if _, err := s.Call(t.Context(), begin); !errors.Is(err, ErrExpired) || time.Since(begun) != StopAfter {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// A handshake takes 30 seconds at most, on both sides.
func TestHandshakeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		begun := time.Now()
		go wire.ReadFrame16(far)
		if _, err := Dial(t.Context(), near, newWorld(t).client()); !errors.Is(err, ErrExpired) || time.Since(begun) != HandshakeLimit {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
	for _, steps := range []int{1, 2} {
		for wait, ok := range map[time.Duration]bool{HandshakeLimit - 1: true, HandshakeLimit: false} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.responder(t)
				d := newDeviceFrames(t, w, r)
				for range steps {
					d.step(t)
				}
				time.Sleep(wait)
				if _, _, err := r.Receive(t.Context(), d.frame); (err == nil) != ok || !ok && !errors.Is(err, ErrExpired) {
					t.Errorf("frame %d after %v: %v", steps, wait, err)
				}
			})
		}
	}
}

// What a hello in the middle of a session may not do.
func TestRenewalRefused(t *testing.T) {
	for name, c := range map[string]struct {
		wait    time.Duration
		partial bool
		owing   bool
		tenant  string
		ok      bool
	}{
		"honest":           {RenewAfter / 2, false, false, tenant, true},
		"early":            {RenewAfter/2 - 1, false, false, tenant, false},
		"in a message":     {RenewAfter, true, false, tenant, false},
		"before an answer": {RenewAfter, false, true, tenant, false},
		"another tenant":   {RenewAfter, false, false, "other", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r := w.responder(t)
			f := w.foreignDevice(t, r, foreignKey())
			time.Sleep(c.wait)
			var m wire.Message = sample(1)
			if c.owing {
				m = begin
			}
			plain, _ := wire.Encode(m)
			if frame := f.chunks(6, f.up, plain)[0]; c.partial || c.owing {
				if _, _, err := r.Receive(t.Context(), frame); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := r.Receive(t.Context(), helloFrame(c.tenant)); (err == nil) != c.ok {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// Once a renewal has begun the old keys open nothing.
func TestOldKeysEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.responder(t)
		f := w.foreignDevice(t, r, foreignKey())
		time.Sleep(RenewAfter)
		if _, _, err := r.Receive(t.Context(), helloFrame(tenant)); err != nil {
			t.Fatal(err)
		}
		plain, _ := wire.Encode(begin)
		if _, m, err := r.Receive(t.Context(), f.chunks(6, f.up, plain)[0]); err == nil {
			t.Errorf("%v was accepted under the old keys", m)
		}
	})
}

// A renewal continues one session: by the same device, with the same vault's
// state. Otherwise a host could hand a session on.
func TestRenewalIsBound(t *testing.T) {
	// renew shakes hands again as a device that claims another history or has another key.
	renew := func(t *testing.T, change func(f *foreign, previous []byte) (*ecdh.PrivateKey, []byte)) error {
		w := newWorld(t)
		r := w.responder(t)
		f := w.foreignDevice(t, r, foreignKey())
		time.Sleep(RenewAfter)
		key, previous := change(f, f.hash)
		hello := wire.Hello{Tenant: tenant, Nonce: [32]byte{6}}
		evidence, _, err := r.Receive(t.Context(), helloFrame(tenant))
		if err != nil {
			t.Fatal(err)
		}
		vault, _ := ecdh.X25519().NewPublicKey(evidence[1:33])
		again := newForeign(true, key, vault, hello, evidence[1:], previous)
		second, _, err := r.Receive(t.Context(), append([]byte{frameFirst}, again.write("e es", nil)...))
		if err != nil {
			return err
		}
		if _, err := again.read("e ee", second[1:]); err != nil {
			t.Fatal(err)
		}
		credential, _ := wire.SignCredential(wire.Credential{Tenant: tenant, Device: [32]byte(key.PublicKey().Bytes()), NotAfter: 1 << 40}, w.operator)
		_, _, err = r.Receive(t.Context(), append([]byte{frameThird}, again.write("s se", credential)...))
		return err
	}
	synctest.Test(t, func(t *testing.T) {
		if err := renew(t, func(f *foreign, previous []byte) (*ecdh.PrivateKey, []byte) { return f.s, previous }); err != nil {
			t.Error("honest: ", err)
		}
		if err := renew(t, func(f *foreign, _ []byte) (*ecdh.PrivateKey, []byte) { return f.s, make([]byte, 32) }); !errors.Is(err, ErrHandshake) {
			t.Error("as if it were the first handshake: ", err)
		}
		if err := renew(t, func(_ *foreign, previous []byte) (*ecdh.PrivateKey, []byte) { return foreignKey(), previous }); !errors.Is(err, ErrHandshake) {
			t.Error("another device: ", err)
		}
	})
}

// The host answers a renewal from another, fresh session of the same vault.
func TestRenewalByAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		near, far := net.Pipe()
		v := &vaultSide{Responder: w.responder(t)}
		go func() {
			defer far.Close()
			for n := 0; ; n++ {
				if n == 4 { // after the handshake and one call
					v.Responder = w.responder(t)
				}
				frame, err := wire.ReadFrame16(far)
				if err != nil {
					return
				}
				reply, err := v.handle(frame)
				if err != nil {
					return
				}
				if reply != nil {
					wire.WriteFrame16(far, reply)
				}
			}
		}()
		s, err := Dial(context.Background(), near, w.client())
		if err != nil {
			t.Fatal(err)
		}
		call(t, s)
		time.Sleep(RenewAfter)
		if _, err := s.Call(t.Context(), begin); err == nil || len(v.accepted) != 1 {
			t.Errorf("%v, the vault accepted %q", err, v.accepted)
		}
	})
}
