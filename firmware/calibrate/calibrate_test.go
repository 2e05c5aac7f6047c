package calibrate

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"volar/hal"
)

// moved is the design with everything as a factory gets it: other focal
// lengths, centres, and cameras glued in a little aside.
func moved(rng *rand.Rand) hal.Calibration {
	c := design()
	off := func(v *float64, by float64) { *v += by * rng.NormFloat64() }
	for _, cam := range []*hal.Intrinsics{&c.NIR, &c.RGB} {
		k := 1 + 0.02*rng.NormFloat64()
		cam.Fx, cam.Fy = cam.Fx*k, cam.Fy*k
		off(&cam.Cx, 6)
		off(&cam.Cy, 6)
	}
	turn := vector{0.01 * rng.NormFloat64(), 0.01 * rng.NormFloat64(), 0.01 * rng.NormFloat64()}
	c.R = rotation(turn).times(matrix(c.R))
	for i := range c.T {
		off(&c.T[i], 0.6)
	}
	return c
}

// held is how a person holds the target: n ways.
func held(rng *rand.Rand, n int) (list []scene) {
	c := moved(rng)
	for i := range n {
		a := 2 * math.Pi * float64(i) / float64(n)
		tilt := 0.45
		if i%4 == 3 {
			tilt = 0.15
		}
		list = append(list, scene{cal: c, noise: 0.006, blur: 0.3,
			turn:  vector{tilt * math.Cos(a), tilt * math.Sin(a), 0.5 * math.Sin(3*a+1)},
			place: vector{12 + 14*math.Cos(2.3*a), 10 * math.Sin(1.7*a), 125 + 25*math.Sin(5*a+0.4)}})
	}
	return list
}

// truth is where the corners really are in a camera's picture.
func (s *scene) truth(c hal.Intrinsics, rgb bool) (list []Point) {
	r, t := s.pose()
	f := &fit{board: Target}
	for i := range Target.Columns * Target.Rows {
		p := r.apply(f.corner(i)).add(t)
		if rgb {
			p = matrix(s.cal.R).apply(p).add(s.cal.T)
		}
		list = append(list, Point{c.Fx*p[0]/p[2] + c.Cx, c.Fy*p[1]/p[2] + c.Cy})
	}
	return list
}

// TestLook: the corners are found where they are, and in their order, however
// the target is held.
func TestLook(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	sum, n := 0.0, 0
	for i, s := range held(rng, 6) {
		if i%2 == 1 {
			s.turn[2] += 1.6 * float64(i%3) // turned in its plane
		}
		shot := s.shoot(rng)
		v, err := Look(&shot, Target)
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		for _, c := range []struct{ got, want []Point }{{v.NIR, s.truth(s.cal.NIR, false)}, {v.RGB, s.truth(s.cal.RGB, true)}} {
			for k := range c.got {
				d := c.got[k].distance(c.want[k])
				if d > 0.6 {
					t.Fatalf("%d: corner %d at %.2f, is at %.2f", i, k, c.got[k], c.want[k])
				}
				sum, n = sum+d*d, n+1
			}
		}
	}
	rms := math.Sqrt(sum / float64(n))
	t.Logf("%d corners, %.3f px rms", n, rms)
	if rms > 0.12 {
		t.Errorf("corners %.3f px beside their place, want 0.12", rms)
	}
}

// TestSolve: the cameras are found as they are, from rendered views alone.
func TestSolve(t *testing.T) {
	for seed := range uint64(1) {
		rng := rand.New(rand.NewPCG(7, seed))
		var views []View
		var want hal.Calibration
		for _, s := range held(rng, Enough) {
			shot := s.shoot(rng)
			v, err := Look(&shot, Target)
			if err != nil {
				continue
			}
			if hint := Adds(v, views); hint != "" {
				t.Errorf("a new view adds nothing: %s", hint)
			}
			views, want = append(views, v), s.cal
		}
		if len(views) < Enough {
			t.Fatalf("%d views", len(views))
		}
		r, err := Solve(Target, views, design())
		if err != nil {
			t.Fatal(err)
		}
		c := r.Calibration
		shift := vector(c.T).sub(want.T).length()
		turn := matrix(c.R).times(matrix(want.R).transposed()).angle()
		t.Logf("rms %.3f px, fx %.2f of %.2f, %.2f of %.2f, shift off %.3f mm, turn off %.2f mrad", r.RMS, c.NIR.Fx, want.NIR.Fx, c.RGB.Fx, want.RGB.Fx, shift, 1000*turn)
		for _, cam := range []struct{ got, want hal.Intrinsics }{{c.NIR, want.NIR}, {c.RGB, want.RGB}} {
			if math.Abs(cam.got.Fx/cam.want.Fx-1) > 0.006 || math.Abs(cam.got.Cx-cam.want.Cx) > 2 || math.Abs(cam.got.Cy-cam.want.Cy) > 2 {
				t.Errorf("%+v, want %+v", cam.got, cam.want)
			}
		}
		if shift > 0.6 || turn > 0.006 || r.RMS > 0.2 {
			t.Errorf("shift off by %.3f mm, turn by %.4f, rms %.3f", shift, turn, r.RMS)
		}
		// What counts in the end: a point seen by the NIR camera lands on the right pixel of the RGB camera.
		worst := 0.0
		for _, p := range []vector{{0, 0, 80}, {40, 30, 100}, {-50, 20, 120}, {30, -40, 150}} {
			worst = max(worst, transfer(&c, project(c.NIR, p)).distance(transfer(&want, project(c.NIR, p))))
		}
		if worst > 1 {
			t.Errorf("a point lands %.2f px beside its place", worst)
		}
	}
}

func project(c hal.Intrinsics, p vector) [3]float64 {
	return [3]float64{c.Fx*p[0]/p[2] + c.Cx, c.Fy*p[1]/p[2] + c.Cy, p[2]}
}

// transfer is where the RGB camera sees what the NIR camera sees at a pixel
// and a depth.
func transfer(c *hal.Calibration, at [3]float64) Point {
	p := vector{(at[0] - c.NIR.Cx) / c.NIR.Fx * at[2], (at[1] - c.NIR.Cy) / c.NIR.Fy * at[2], at[2]}
	q := matrix(c.R).apply(p).add(c.T)
	return Point{c.RGB.Fx*q[0]/q[2] + c.RGB.Cx, c.RGB.Fy*q[1]/q[2] + c.RGB.Cy}
}

// exact are views without any error.
func exact(list []scene) (views []View) {
	for _, s := range list {
		views = append(views, View{NIR: s.truth(s.cal.NIR, false), RGB: s.truth(s.cal.RGB, true)})
	}
	return views
}

// TestSolveRefuses: views that are no calibration are refused, and told why.
func TestSolveRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	good := held(rng, Enough)
	if r, err := Solve(Target, exact(good), design()); err != nil || r.RMS > 1e-4 {
		t.Fatalf("exact views: rms %g, %v", r.RMS, err)
	}
	flat := held(rng, Enough)
	for i := range flat {
		flat[i].turn = vector{0, 0, flat[i].turn[2]}
	}
	large := Target
	large.Square = 25
	wrong := exact(good)
	for i := range wrong {
		for k := range wrong[i].RGB {
			wrong[i].RGB[k].X += 2 * rng.NormFloat64()
		}
	}
	swapped := exact(good)
	for i := range swapped {
		swapped[i].NIR, swapped[i].RGB = swapped[i].RGB, swapped[i].NIR
	}
	noisyFlat := exact(flat)
	for i := range noisyFlat {
		for k := range noisyFlat[i].NIR {
			noisyFlat[i].NIR[k].X += 0.05 * rng.NormFloat64()
			noisyFlat[i].RGB[k].Y += 0.05 * rng.NormFloat64()
		}
	}
	for _, c := range []struct {
		name  string
		board Chessboard
		views []View
		want  string
	}{
		{"few", Target, exact(good)[:3], "views, 4 to"},
		{"never tilted", Target, noisyFlat, "tilt the target"},
		{"other squares", large, exact(good), "squares"},
		{"bent", Target, wrong, "flat"},
		{"cameras swapped", Target, swapped, "the cameras are"},
		{"half a view", Target, []View{{}, {}, {}, {}}, "corners"},
	} {
		if _, err := Solve(c.board, c.views, design()); !errors.Is(err, ErrFit) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestLookRefuses: no target, half of one, one under glare.
func TestLookRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	c := moved(rng)
	for name, s := range map[string]scene{
		"half outside": {cal: c, place: vector{90, 0, 100}, noise: 0.006},
		"glare":        {cal: c, place: vector{12, 0, 110}, noise: 0.006, glare: true},
		"far away":     {cal: c, place: vector{12, 0, 1500}, noise: 0.006},
	} {
		shot := s.shoot(rng)
		if v, err := Look(&shot, Target); !errors.Is(err, ErrNoTarget) {
			t.Errorf("%s: %d corners, %v", name, len(v.NIR), err)
		}
	}
	s := scene{cal: c, place: vector{12, 0, 110}, noise: 0.006}
	shot := s.shoot(rng)
	a, err := Look(&shot, Target)
	if err != nil {
		t.Fatal(err)
	}
	if Adds(a, nil) != "" || Adds(a, []View{a}) == "" {
		t.Error("the same view again adds something")
	}
	if _, err := Look(&hal.Shot{}, Target); err == nil {
		t.Error("no picture was taken")
	}
}

func TestRotations(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, a := range []float64{0, 1e-9, 1e-5, 0.3, 1.5, 3, math.Pi} {
		axis := vector{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}.unit()
		m := rotation(axis.times(a))
		again := rotation(m.vector())
		for i := range m {
			if math.Abs(m[i]-again[i]) > 1e-7 {
				t.Fatalf("angle %g: %v, again %v", a, m, again)
			}
		}
	}
}
