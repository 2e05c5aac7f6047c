package vision

import (
	"errors"
	"math"
	"testing"

	"volar/hal"
	"volar/wire"
)

func rectify(t *testing.T, s *scene) *Rectified {
	t.Helper()
	d, w, a, b := s.burst()
	r, err := Rectify(&d, &w, &a, &b, &s.cal)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRectifyMeasures(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"middle":     func(*scene) {},
		"near":       func(s *scene) { s.at[2], s.at[0] = 66, 8 },
		"far":        func(s *scene) { s.at[2] = 115 },
		"right hand": func(s *scene) { s.hand = wire.Right },
		"small":      func(s *scene) { s.size = 0.75 },
		"pitched":    func(s *scene) { s.tilt = vec{14, 0} },
		"rolled":     func(s *scene) { s.tilt = vec{0, -14} },
		"moving":     func(s *scene) { s.velocity = vec{60, 40, 0} },
		"turned":     func(s *scene) { s.turn, s.at = 160, vec{6, 12, 90} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(8)
			change(s)
			r := rectify(t, s)
			x, y, n, _ := s.axes(0)
			tilt := math.Acos(n[2]) * 180 / math.Pi
			if math.Abs(r.TiltDeg-tilt) > 1.5 {
				t.Errorf("tilt %.1f degrees, is %.1f", r.TiltDeg, tilt)
			}
			if span := roots[2].sub(roots[0]).norm() * s.size; math.Abs(r.SpanMM-span) > 0.02*span {
				t.Errorf("span %.1f mm, is %.1f", r.SpanMM, span)
			}
			// The middle of the square, from the middle of the outer valleys.
			across := x.times(roots[2].sub(roots[0]).X).add(y.times(roots[2].sub(roots[0]).Y)).unit()
			down := n.cross(across)
			down = down.times(sign(down.dot(y)))
			middle := s.at.add(s.velocity.times(0.066)).add(down.times(r.SpanMM * sideShare * (topShare + 0.5)))
			if math.Abs(r.DistanceMM-middle[2]) > 0.015*middle[2] {
				t.Errorf("distance %.1f mm, is %.1f", r.DistanceMM, middle[2])
			}
			speed := math.Hypot(s.velocity[0], s.velocity[1])
			if math.Abs(r.MotionMMPerS-speed) > 12 {
				t.Errorf("motion %.0f mm/s, is %.0f", r.MotionMMPerS, speed)
			}
			if !(r.BulgeMM < 0.4) {
				t.Errorf("a flat palm bulges by %.2f mm", r.BulgeMM)
			}
		})
	}
}

func TestRectifySeesCupping(t *testing.T) {
	s := newScene(9)
	s.cup = 8
	if r := rectify(t, s); !(r.BulgeMM > 0.5) {
		t.Errorf("a cupped palm bulges by %.2f mm", r.BulgeMM)
	}
}

// alike is the NCC of two crops' first channels.
func alike(a, b Crop) float64 {
	p, q := newPatch(0, 0, 0, 1), newPatch(0, 0, 0, 1)
	for i := range p.pix {
		p.pix[i], q.pix[i] = float32(a.Pix[i*a.Channels]), float32(b.Pix[i*b.Channels])
		p.ok[i], q.ok[i] = true, true
	}
	p.flatten(6, 2)
	q.flatten(6, 2)
	return p.ncc(q, region{8, 8, 120, 120}, 0, 0)
}

// TestCropsAgree: one palm gives the same crops however it is held, and as a
// right hand, which is its mirror image; another palm does not.
func TestCropsAgree(t *testing.T) {
	want := rectify(t, newScene(10))
	for name, change := range map[string]func(*scene){
		"turned": func(s *scene) { s.turn = 25 },
		"tilted": func(s *scene) { s.tilt = vec{-8, 9} },
		"far":    func(s *scene) { s.at[2] = 95 },
		"mirror": func(s *scene) { s.hand = wire.Right },
		"moving": func(s *scene) { s.velocity = vec{-50, 40, 0} },
	} {
		s := newScene(10)
		change(s)
		got := rectify(t, s)
		for band, pair := range map[string][2]Crop{
			"rgb": {want.RGB, got.RGB}, "850": {want.NIR850, got.NIR850}, "940": {want.NIR940, got.NIR940},
		} {
			if v := alike(pair[0], pair[1]); v < 0.6 {
				t.Errorf("%s: %s crops are alike by %.2f", name, band, v)
			}
		}
	}
	if v := alike(want.NIR850, rectify(t, newScene(11)).NIR850); v > 0.3 {
		t.Errorf("crops of two palms are alike by %.2f", v)
	}
}

func TestRectifyRefuses(t *testing.T) {
	s := newScene(12)
	d, w, a, b := s.burst()
	other := newScene(13)
	_, stranger, _, _ := other.burst()
	small := w
	small.RGB.Height -= 2
	small.RGB.Pix = small.RGB.Pix[:small.RGB.Stride*small.RGB.Height]
	together := s.cal
	together.T = [3]float64{}
	for name, c := range map[string]struct {
		dark, white, a, b *hal.Shot
		cal               *hal.Calibration
		want              error
	}{
		"no shot":         {&d, nil, &a, &b, &s.cal, ErrFrame},
		"no calibration":  {&d, &w, &a, &b, nil, ErrFrame},
		"bad calibration": {&d, &w, &a, &b, &hal.Calibration{}, ErrFrame},
		"other size":      {&d, &small, &a, &b, &s.cal, ErrFrame},
		"another palm":    {&d, &stranger, &a, &b, &s.cal, ErrNotRegistered},
		"no baseline":     {&d, &w, &a, &b, &together, ErrNotRegistered},
		"nothing lit":     {&d, &w, &d, &b, &s.cal, ErrNoHand},
		"white unlit":     {&d, &d, &a, &b, &s.cal, ErrNotRegistered},
	} {
		if _, err := Rectify(c.dark, c.white, c.a, c.b, c.cal); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestRectifiedWipe(t *testing.T) {
	r := rectify(t, newScene(14))
	pix := [][]byte{r.RGB.Pix, r.NIR850.Pix, r.NIR940.Pix}
	if len(pix[0]) != 3*wire.Side*wire.Side || len(pix[1]) != wire.Side*wire.Side || len(pix[2]) != wire.Side*wire.Side {
		t.Fatalf("crops of %d, %d and %d bytes", len(pix[0]), len(pix[1]), len(pix[2]))
	}
	r.Wipe()
	for _, p := range pix {
		for _, v := range p {
			if v != 0 {
				t.Fatal("pixels are left")
			}
		}
	}
}

// TestRectifyForgivesCalibration: a camera that has shifted in its mount by
// some pixels across the baseline is found a little beside the epipolar line.
func TestRectifyForgivesCalibration(t *testing.T) {
	s := newScene(15)
	want := rectify(t, s)
	d, w, a, b := s.burst()
	cal := s.cal
	cal.RGB.Cy += 12
	got, err := Rectify(&d, &w, &a, &b, &cal)
	if err != nil {
		t.Fatal(err)
	}
	if v := alike(want.RGB, got.RGB); v < 0.8 {
		t.Errorf("colour crops are alike by %.2f", v)
	}
}
