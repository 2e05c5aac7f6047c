package palm

import (
	"math/rand/v2"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

func BenchmarkAnatomy(b *testing.B) {
	for i := range b.N {
		New(1, i, wire.Left)
	}
}

// BenchmarkBurst draws the four shots of a wave with both cameras.
func BenchmarkBurst(b *testing.B) {
	r := NewRenderer(DefaultRig())
	a := New(1, 1, wire.Left)
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		w := &Wave{Anatomy: a, Pose: Unguided(rng), Seed: rng.Uint64()}
		for i, l := range []hal.Light{0, hal.White, hal.NIR850, hal.NIR940} {
			r.Shoot(w, l, time.Duration(i)*30*time.Millisecond, uint32(i))
		}
	}
}

func BenchmarkPalm(b *testing.B) {
	for i := range b.N {
		NewPalm(1, i, wire.Left)
	}
}

func BenchmarkCrop(b *testing.B) {
	c := NewCutter(DefaultRig())
	a := NewPalm(1, 1, wire.Left)
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		c.Crop(&Wave{Anatomy: a, Pose: Guided(rng), Seed: rng.Uint64()}, Misfit{})
	}
}
