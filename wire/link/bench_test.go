package link

import (
	"testing"

	"volar/wire"
)

// Both sides of a handshake, with evidence and credential.
func BenchmarkDial(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		s, _ := w.connect(b)
		s.Close()
	}
}

// Both sides of a Sample of two views and its Answer.
func BenchmarkSample(b *testing.B) {
	s, _ := newWorld(b).connect(b)
	m := sample(1)
	b.SetBytes(wire.Side * wire.Side * 4)
	for b.Loop() {
		s.life.bytes = 0 // no renewal
		if _, err := s.Call(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
