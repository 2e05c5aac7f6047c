package link

import (
	"net"
	"testing"

	"volar/wire"
)

// attempt is one handshake and one call through a man in the middle, who may
// change the n-th frame: 0 hello, 1 evidence, 2 first, 3 second, 4 third.
func (w *world) attempt(t *testing.T, cfg ClientConfig, change func(n int, frame []byte) []byte) (accepted bool) {
	t.Helper()
	near, far := net.Pipe()
	v := &vaultSide{Responder: w.responder(t)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		for n := 0; ; n += 2 {
			frame, err := wire.ReadFrame16(far)
			if err != nil {
				return
			}
			reply, err := v.handle(change(n, frame))
			if err != nil {
				return
			}
			if reply != nil && wire.WriteFrame16(far, change(n+1, reply)) != nil {
				return
			}
		}
	}()
	answered := false
	if s, err := Dial(t.Context(), near, cfg); err == nil {
		_, err := s.Call(t.Context(), wire.Begin{Purpose: wire.Identify})
		answered = err == nil
		s.Close()
	}
	<-done
	return answered || len(v.accepted) > 0
}

// Every single bit of every handshake frame matters, also where the device
// believes any evidence: then the prologue alone holds it.
func TestEveryBitOfTheHandshake(t *testing.T) {
	w := newWorld(t)
	credulous := w.client()
	credulous.Verify = func([]byte, [32]byte) ([32]byte, error) { return w.vault.Public(), nil }
	sizes := make([]int, 5)
	if !w.attempt(t, w.client(), func(n int, frame []byte) []byte {
		if n < len(sizes) {
			sizes[n] = len(frame)
		}
		return frame
	}) {
		t.Fatal("an honest handshake fails")
	}
	total, accepted := 0, 0
	for message, size := range sizes {
		for bit := range size * 8 {
			total++
			if w.attempt(t, credulous, func(n int, frame []byte) []byte {
				if n == message {
					return flipped(frame, bit)
				}
				return frame
			}) {
				accepted++
				t.Errorf("message %d of %d bytes, bit %d: accepted", message, size, bit)
			}
		}
	}
	if want := (43 + 65 + 49 + 49 + 191) * 8; total != want {
		t.Errorf("%d flips, want %d", total, want)
	}
	t.Logf("%d flips, %d accepted", total, accepted)
}

// The honest verifier refuses evidence of another nonce before any key is used.
func TestEvidenceOfAnotherNonce(t *testing.T) {
	w := newWorld(t)
	frames := 0
	if w.attempt(t, w.client(), func(n int, frame []byte) []byte {
		frames++
		if n == 1 {
			return flipped(frame, len(frame)*8-1)
		}
		return frame
	}) || frames != 2 {
		t.Errorf("%d frames were sent", frames)
	}
}
