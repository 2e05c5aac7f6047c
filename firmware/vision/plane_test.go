package vision

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const noise = 2e-5 // 0.13 mm at 80 mm
	want := plane{0.002, -0.0015, 1. / 80}
	ss := make([]sounding, Blocks*Blocks)
	for i := range ss {
		at := Point{float64(i%Blocks)*0.2 - 0.3, float64(i/Blocks)*0.2 - 0.3}
		ss[i] = sounding{at: at, inverse: want.inverseDepth(at) + noise*r.NormFloat64(), weight: 1}
	}
	ss[3].inverse *= 1.2 // a mismatch
	ss[8].inverse *= 0.85
	got, ok := fit(ss, noise)
	if !ok || math.Abs(got.tilt()-want.tilt()) > 0.5 || math.Abs(got.C/want.C-1) > 0.005 {
		t.Errorf("%+v, tilt %.1f; want %+v, tilt %.1f", got, got.tilt(), want, want.tilt())
	}
	for i := range ss {
		if i > 3 {
			ss[i].weight = 0
		}
	}
	if got, ok = fit(ss, noise); !ok || got.A != 0 || got.B != 0 || got.C <= 0 {
		t.Errorf("four soundings gave %+v, %v", got, ok)
	}
	if _, ok = fit(nil, noise); ok {
		t.Error("no soundings gave a plane")
	}
}

func TestInvert(t *testing.T) {
	h := [9]float64{1.1, 0.2, 30, -0.1, 0.9, 12, 1e-4, 2e-4, 1}
	inv, ok := invert(h)
	if p := apply(inv, apply(h, Point{40, 50})); !ok || p.sub(Point{40, 50}).norm() > 1e-9 {
		t.Errorf("%v, %v", p, ok)
	}
	if _, ok := invert([9]float64{1, 2, 3, 2, 4, 6, 0, 0, 1}); ok {
		t.Error("a singular matrix has an inverse")
	}
}

// TestAcross: a place on a plane is where the homography says, seen from both cameras.
func TestAcross(t *testing.T) {
	cal := testCalibration()
	s := stereo{&cal}
	p := plane{0.001, 0.002, 1. / 90}
	q := Point{250, 300}
	n := s.normal(q)
	x := vec{n.X, n.Y, 1}.times(1 / p.inverseDepth(n))
	var y vec
	for i := range 3 {
		y[i] = cal.R[3*i]*x[0] + cal.R[3*i+1]*x[1] + cal.R[3*i+2]*x[2] + cal.T[i]
	}
	want := Point{y[0]/y[2]*cal.RGB.Fx + cal.RGB.Cx, y[1]/y[2]*cal.RGB.Fy + cal.RGB.Cy}
	if got := apply(s.across(p), q); got.sub(want).norm() > 1e-9 {
		t.Errorf("%v, want %v", got, want)
	}
	const d = 1e-6
	moved := apply(s.across(plane{p.A, p.B, p.C + d}), q).sub(want).times(1 / d)
	if got := s.slide(q, p.inverseDepth(n)); got.sub(moved).norm() > 1e-3*moved.norm() {
		t.Errorf("slides by %v, want %v", got, moved)
	}
}
