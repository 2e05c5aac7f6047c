package palm

import (
	"math"
	"math/rand/v2"
	"testing"

	"volar/hal"
	"volar/wire"
)

// TestValleysLieOnTheSilhouette steps from each valley to the finger tips and
// to the wrist: there must be background on one side and skin on the other.
func TestValleysLieOnTheSilhouette(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	r := NewRenderer(DefaultRig())
	checked := 0
	for i := range 12 {
		a := anatomy(i%3, wire.Hand(1+i%2))
		w := &Wave{Anatomy: a, Pose: Guided(rng), Seed: rng.Uint64()}
		s := r.Shoot(w, hal.NIR850, 0, 1)
		truth := r.Truth(w, hal.NIR, 0)
		for k := range 3 {
			v := a.outline.valleys[k]
			up := a.outline.webs[k].up
			out, ok1 := truth.Project(v.add(up.times(3)))
			in, ok2 := truth.Project(v.sub(up.times(3)))
			if !ok1 || !ok2 || !truth.Inside[k] || out.Y < 2 {
				continue
			}
			checked++
			if b, f := pixel(&s.NIR, out.X, out.Y, 0), pixel(&s.NIR, in.X, in.Y, 0); b > 0.4*f {
				t.Errorf("wave %d valley %d: %.0f beyond it, %.0f before it", i, k, b, f)
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d valleys could be checked", checked)
	}
}

// TestParallax compares the two cameras' truth with the disparity that
// baseline and distance give.
func TestParallax(t *testing.T) {
	rig := DefaultRig()
	rig.Calibration.RGB, rig.Calibration.R, rig.Calibration.T = rig.Calibration.NIR, [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, [3]float64{-25, 0, 0}
	r := NewRenderer(rig)
	for _, z := range []float64{50, 80, 120} {
		w := still(anatomy(1, wire.Left))
		w.Pose.Distance = z
		shift := r.Truth(w, hal.NIR, 0).Valleys[1].X - r.Truth(w, hal.RGB, 0).Valleys[1].X
		// The web lies a few millimetres before the plane of the palm.
		if near, far := 25*295/(z-7), 25*295/z; shift < far-2 || shift > near {
			t.Errorf("at %.0f mm the valley moves by %.1f px, want %.1f to %.1f", z, shift, far-2, near)
		}
	}
}

func TestPalmSquare(t *testing.T) {
	r := NewRenderer(DefaultRig())
	for _, hand := range []wire.Hand{wire.Left, wire.Right} {
		truth := r.Truth(still(anatomy(1, hand)), hal.NIR, 0)
		c := truth.Corners
		// Left palms have the index side on the left of the image, right ones on the right.
		if left := c[0].X < c[1].X; left != (hand == wire.Left) {
			t.Errorf("%v: index side at x %.0f, little side at %.0f", hand, c[0].X, c[1].X)
		}
		if c[2].Y <= c[0].Y {
			t.Errorf("%v: the wrist is above the fingers", hand)
		}
		v := truth.Valleys
		side, across := c[1].sub(c[0]).norm(), v[2].sub(v[0]).norm()
		if math.Abs(side/across-squareSide) > 0.03 {
			t.Errorf("%v: side is %.3f of the valleys' distance", hand, side/across)
		}
		mid := v[0].lerp(v[2], 0.5)
		drop := c[0].lerp(c[1], 0.5).sub(mid).norm()
		if math.Abs(drop/side-squareDrop) > 0.02 {
			t.Errorf("%v: upper edge is %.3f sides below the valleys", hand, drop/side)
		}
	}
}

func TestUnitSquareTo(t *testing.T) {
	c := [4]Point{{10, 20}, {110, 10}, {5, 130}, {140, 150}}
	h := unitSquareTo(c)
	for i, want := range c {
		u, v := float64(i&1), float64(i>>1)
		w := h[6]*u + h[7]*v + h[8]
		got := Point{(h[0]*u + h[1]*v + h[2]) / w, (h[3]*u + h[4]*v + h[5]) / w}
		if got.sub(want).norm() > 1e-9 {
			t.Errorf("corner %d: %v, want %v", i, got, want)
		}
	}
}

// TestSkinMoves measures how far places of the palm square move against each
// other between captures, in pixels of a 128 crop.
func TestSkinMoves(t *testing.T) {
	r := NewRenderer(DefaultRig())
	rng := rand.New(rand.NewPCG(8, 8))
	spread := func(pose func(*rand.Rand) Pose) float64 {
		places := []Point{{-15, -20}, {15, -15}, {-12, 5}, {12, 8}, {0, -8}}
		var at [2][5]Point
		sum, n := 0.0, 0
		for range 20 {
			for k := range at {
				truth := r.Truth(&Wave{Anatomy: anatomy(1, wire.Left), Pose: pose(rng)}, hal.NIR, 0)
				for i, p := range places {
					q, _ := truth.Project(p)
					at[k][i] = inSquare(&truth, q).times(128)
				}
			}
			var d [5]Point
			var mean Point
			for i := range d {
				d[i] = at[1][i].sub(at[0][i])
				mean = mean.add(d[i].times(1.0 / 5))
			}
			for i := range d {
				sum += d[i].sub(mean).norm()
				n++
			}
		}
		return sum / float64(n)
	}
	t.Logf("places move %.2f px guided, %.2f px unguided", spread(Guided), spread(Unguided))
	if m := spread(Guided); m < 0.7 || m > 5 {
		t.Errorf("guided: places move %.2f px against each other", m)
	}
	if m := spread(Unguided); m < 2 || m > 9 {
		t.Errorf("unguided: places move %.2f px against each other", m)
	}
}

// inSquare is where a pixel lies in the palm square, by Newton's method.
func inSquare(t *Truth, px Point) Point {
	q := Point{0.5, 0.5}
	h := &t.ToImage
	f := func(q Point) Point {
		w := h[6]*q.X + h[7]*q.Y + h[8]
		return Point{(h[0]*q.X + h[1]*q.Y + h[2]) / w, (h[3]*q.X + h[4]*q.Y + h[5]) / w}
	}
	for range 8 {
		const e = 1e-5
		p := f(q)
		dx, dy := f(q.add(Point{e, 0})).sub(p).times(1/e), f(q.add(Point{0, e})).sub(p).times(1/e)
		r := px.sub(p)
		det := dx.X*dy.Y - dy.X*dx.Y
		q = q.add(Point{(r.X*dy.Y - dy.X*r.Y) / det, (dx.X*r.Y - r.X*dx.Y) / det})
	}
	return q
}

func TestPosesStayInTheirRanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		if p := Guided(rng); p.Distance < 65 || p.Distance > 100 || math.Abs(p.TiltX) > 9 || math.Abs(p.Rotation) > 15 {
			t.Fatalf("guided: %+v", p)
		}
		if p := Unguided(rng); p.Distance < 40 || p.Distance > 120 || math.Abs(p.TiltX) > 30 {
			t.Fatalf("unguided: %+v", p)
		}
	}
	for _, f := range Flaws() {
		p := Poor(rng, f)
		bad := p.Distance < 40 || p.Distance > 120 || math.Abs(p.TiltX) > 29 || math.Abs(p.TiltY) > 29 ||
			math.Hypot(p.Velocity[0], p.Velocity[1]) > 200 || math.Abs(p.X-midway) > 30 || p.Spread < 0
		if !bad {
			t.Errorf("%v: nothing is wrong with %+v", f, p)
		}
	}
}
