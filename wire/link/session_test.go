package link

import (
	"slices"
	"testing"

	"volar/wire"
)

// One wave: two calls, the second in two chunks.
func TestWave(t *testing.T) {
	w := newWorld(t)
	s, v := w.connect(t)
	for range 3 {
		if m, err := s.Call(t.Context(), wire.Begin{Purpose: wire.Identify}); err != nil || m != answerTo(wire.Begin{}) {
			t.Fatal(m, err)
		}
		if m, err := s.Call(t.Context(), sample(1000)); err != nil || m != answerTo(wire.Sample{}) {
			t.Fatal(m, err)
		}
	}
	want := []string{name(wire.Begin{Purpose: wire.Identify}), name(sample(1000))}
	if want = slices.Concat(want, want, want); !slices.Equal(v.accepted, want) {
		t.Errorf("the vault got %q, want %q", v.accepted, want)
	}
	if v.Tenant() != tenant || v.DeviceKey() != w.device.Public() {
		t.Errorf("the vault knows tenant %q and device %x", v.Tenant(), v.DeviceKey())
	}
}
