package sim

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"volar/hal"
)

// Every fault of a camera changes what comes of a shot, and healing ends it.
func TestSpoiler(t *testing.T) {
	names := map[string]bool{}
	for _, f := range CameraFaults() {
		t.Run(f.Name, func(t *testing.T) {
			if names[f.Name] || f.About == "" {
				t.Error("a name twice, or without a word about it")
			}
			names[f.Name] = true
			s := &Spoiler{Camera: &lit{}}
			other := &lit{}
			shoot := func(l hal.Light) (hal.Shot, error) { return s.Shoot(t.Context(), l) }
			if _, err := shoot(0); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Shoot(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			s.Strike(f)
			changed := false
			for range 3 { // a frozen camera shows at its second frame
				for _, l := range []hal.Light{hal.White, hal.NIR850, hal.NIR940} {
					plain, err := other.Shoot(t.Context(), l)
					if err != nil {
						t.Fatal(err)
					}
					spoilt, err := shoot(l)
					changed = changed || differs(plain, spoilt, err)
				}
			}
			if !changed || s.Struck() != 9 {
				t.Errorf("after %d shots nothing is spoilt", s.Struck())
			}
			s.Heal()
			if healed, err := shoot(hal.White); err != nil || healed.Check() != nil || s.Struck() != 0 {
				t.Errorf("healed: %v, %v", err, healed.Check())
			}
		})
	}
}

// lit is a camera that sees a grey wall, brighter under its lamps.
type lit struct{ seq uint32 }

func (c *lit) Shoot(_ context.Context, l hal.Light) (hal.Shot, error) {
	c.seq++
	frame := func(b hal.Band, format hal.Format, lamp hal.Light) hal.Frame {
		f := hal.Frame{Band: b, Format: format, Width: 60, Height: 40, Stride: 60 * format.BytesPerPixel(), Seq: c.seq, At: time.Duration(c.seq) * 33 * time.Millisecond}
		level := byte(20)
		if l&lamp != 0 {
			level = 120
		}
		f.Pix = bytes.Repeat([]byte{level}, f.Stride*f.Height)
		return f
	}
	return hal.Shot{RGB: frame(hal.RGB, hal.RGB24, hal.White), NIR: frame(hal.NIR, hal.Y8, hal.NIR850|hal.NIR940), Light: l}, nil
}

// differs tells whether a shot is not what a sound camera gives.
func differs(want, s hal.Shot, err error) bool {
	switch {
	case errors.Is(err, hal.ErrStalled), errors.Is(err, hal.ErrUnplugged), errors.Is(err, hal.ErrHalf):
		return true
	case s.Check() != nil, s.Light != want.Light, s.NIR.Height != want.NIR.Height:
		return true
	case s.NIR.At != want.NIR.At, s.RGB.At != want.RGB.At, s.NIR.Seq != want.NIR.Seq:
		return true
	}
	return !bytes.Equal(s.RGB.Pix, want.RGB.Pix) || !bytes.Equal(s.NIR.Pix, want.NIR.Pix)
}
