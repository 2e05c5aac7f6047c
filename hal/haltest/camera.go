package haltest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"volar/hal"
)

// Lights is what the tests of a camera ask for: every band that a burst
// uses, and one of its coded lights.
var Lights = []hal.Light{0, hal.White, hal.NIR850, hal.NIR940, hal.White | hal.NIR850 | hal.TopLeft | hal.ThreeQuarters}

// Camera tests a pair of cameras alone. The calibration may be nil. The
// camera must be good for 15 shots: three rounds of Lights.
func Camera(t *testing.T, open func(t *testing.T) (hal.Camera, *hal.Calibration)) {
	t.Run("pairs", func(t *testing.T) {
		cam, cal := open(t)
		for _, l := range Lights {
			s := shoot(t, cam, l)
			if cal != nil {
				checkGeometry(t, &s, cal)
			}
			if s.RGB.Exposure <= 0 || s.NIR.Exposure <= 0 {
				t.Errorf("Shoot(%v): exposed for %v and %v", l, s.RGB.Exposure, s.NIR.Exposure)
			}
		}
	})
	t.Run("order", func(t *testing.T) { order(t, open) })
	t.Run("pixels", func(t *testing.T) { pixels(t, open) })
	t.Run("unknown light", func(t *testing.T) {
		cam, _ := open(t)
		for _, l := range []hal.Light{1 << 15, hal.TopLeft, hal.White | hal.TopLeft | hal.TopRight | hal.BottomLeft | hal.BottomRight} {
			if s, err := cam.Shoot(t.Context(), l); err == nil {
				t.Errorf("%v, which does not exist, gave a shot under %v", l, s.Light)
			}
		}
		shoot(t, cam, 0) // and the camera works on
	})
	t.Run("cancelled", func(t *testing.T) {
		cam, _ := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, err := cam.Shoot(ctx, 0)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Shoot with a cancelled context: %v", err)
		}
		if s.RGB.Pix != nil || s.NIR.Pix != nil {
			t.Error("Shoot gave pixels beside an error")
		}
		shoot(t, cam, 0)
	})
}

func shoot(t *testing.T, cam hal.Camera, l hal.Light) hal.Shot {
	t.Helper()
	s, err := cam.Shoot(t.Context(), l)
	if err != nil {
		t.Fatalf("Shoot(%v): %v", l, err)
	}
	if err := s.Check(); err != nil {
		t.Fatalf("Shoot(%v): %v", l, err)
	}
	if s.Light != l {
		t.Errorf("Shoot(%v) came back under %v", l, s.Light)
	}
	return s
}

func checkGeometry(t *testing.T, s *hal.Shot, cal *hal.Calibration) {
	t.Helper()
	for _, f := range []struct {
		frame *hal.Frame
		want  hal.Intrinsics
	}{{&s.RGB, cal.RGB}, {&s.NIR, cal.NIR}} {
		if f.frame.Width != f.want.Width || f.frame.Height != f.want.Height {
			t.Errorf("%v frame is %dx%d, calibrated for %dx%d", f.frame.Band, f.frame.Width, f.frame.Height, f.want.Width, f.want.Height)
		}
	}
	if s.Skew() > cal.MaxSkew {
		t.Errorf("frames %v apart, the board allows %v", s.Skew(), cal.MaxSkew)
	}
}

// order: time and sequence numbers of each camera only grow, over lights too.
func order(t *testing.T, open func(t *testing.T) (hal.Camera, *hal.Calibration)) {
	cam, _ := open(t)
	var last *hal.Shot
	for range 3 {
		for _, l := range Lights {
			s := shoot(t, cam, l)
			if last != nil {
				for _, f := range [][2]hal.Frame{{last.RGB, s.RGB}, {last.NIR, s.NIR}} {
					if step := f[1].Seq - f[0].Seq; step == 0 || step > 1<<31 { // it may wrap
						t.Errorf("%v sequence %d after %d", f[1].Band, f[1].Seq, f[0].Seq)
					}
					if f[1].At <= f[0].At {
						t.Errorf("%v frame at %v after one at %v", f[1].Band, f[1].At, f[0].At)
					}
				}
				if gap := s.RGB.At - last.RGB.At; gap > time.Hour {
					t.Errorf("%v between two shots in a row", gap)
				}
			}
			s.RGB.Pix, s.NIR.Pix = nil, nil
			last = &s
		}
	}
}

// pixels: they are the caller's until the next Shoot, to keep and to wipe.
func pixels(t *testing.T, open func(t *testing.T) (hal.Camera, *hal.Calibration)) {
	cam, _ := open(t)
	s := shoot(t, cam, hal.White)
	rgb, nir := slices.Clone(s.RGB.Pix), slices.Clone(s.NIR.Pix)
	for i := range s.RGB.Pix {
		s.RGB.Pix[i] = 0xA5
	}
	if !bytes.Equal(s.NIR.Pix, nir) {
		t.Error("the frames of a shot share memory")
	}
	for i := range s.NIR.Pix {
		s.NIR.Pix[i] = 0xA5
	}
	again := shoot(t, cam, hal.NIR850)
	if wiped(again.RGB.Pix) || wiped(again.NIR.Pix) {
		t.Error("what the caller wrote into a shot came back in the next one")
	}
	if wiped(rgb) || wiped(nir) {
		t.Fatal("this camera sees a pattern that the test takes for its own")
	}
}

func wiped(pix []byte) bool {
	return bytes.Count(pix, []byte{0xA5}) > len(pix)/2
}
