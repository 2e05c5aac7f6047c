package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"volar/firmware/vision"
	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

// through takes a point through a homography.
func through(h [9]float64, x, y float64) (float64, float64) {
	w := h[6]*x + h[7]*y + h[8]
	return (h[0]*x + h[1]*y + h[2]) / w, (h[3]*x + h[4]*y + h[5]) / w
}

// inverse is that of a homography, but for a factor.
func inverse(m [9]float64) [9]float64 {
	a, b, c, d, e, f, g, h, i := m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]
	return [9]float64{e*i - f*h, c*h - b*i, b*f - c*e, f*g - d*i, a*i - c*g, c*d - a*f, d*h - e*g, b*g - a*h, a*e - b*d}
}

// misfitOf measures how vision's cut of a wave lies against the truth.
func misfitOf(r *palm.Renderer, rig *palm.Rig, w *palm.Wave) (palm.Shift, error) {
	const ms = time.Millisecond
	shoot := func(l hal.Light, at time.Duration) *hal.Shot {
		s := r.Shoot(w, l, at, 0)
		s.RGB.Pix, s.NIR.Pix = append([]byte(nil), s.RGB.Pix...), append([]byte(nil), s.NIR.Pix...)
		return &s
	}
	found, err := vision.Rectify(shoot(0, 67*ms), shoot(hal.White, 100*ms), shoot(hal.NIR850, 130*ms), shoot(hal.NIR940, 160*ms), &rig.Calibration)
	if err != nil {
		return palm.Shift{}, err
	}
	defer found.Wipe()
	truth := r.Truth(w, hal.NIR, 130*ms)
	back := inverse(truth.ToImage)
	var x, y [4]float64 // where the crop's corners lie in the palm square
	for k := range 4 {
		px, py := through(found.ToImage, float64(k&1*wire.Side)-0.5, float64(k>>1*wire.Side)-0.5)
		x[k], y[k] = through(back, px, py)
	}
	ux, uy := (x[1]-x[0]+x[3]-x[2])/2, (y[1]-y[0]+y[3]-y[2])/2
	vx, vy := (x[2]-x[0]+x[3]-x[1])/2, (y[2]-y[0]+y[3]-y[1])/2
	return palm.Shift{
		X: (x[0]+x[1]+x[2]+x[3])/4 - 0.5, Y: (y[0]+y[1]+y[2]+y[3])/4 - 0.5,
		Turn: (math.Atan2(uy, ux) + math.Atan2(-vx, vy)) / 2,
		Grow: (math.Hypot(ux, uy)+math.Hypot(vx, vy))/2 - 1,
	}, nil
}

// sizes are the root mean squares of shifts: place in shares of the side, turn in radians, growth as a share.
func sizes(shifts []palm.Shift) (place, turn, grow float64) {
	n := float64(len(shifts))
	for _, s := range shifts {
		place += (s.X*s.X + s.Y*s.Y) / n
		turn += s.Turn * s.Turn / n
		grow += s.Grow * s.Grow / n
	}
	return math.Sqrt(place), math.Sqrt(turn), math.Sqrt(grow)
}

// What a Cutter is told of vision's errors is what vision does.
func TestMisfitIsVisions(t *testing.T) {
	rig := palm.DefaultRig()
	r := palm.NewRenderer(rig)
	rng := rand.New(rand.NewPCG(41, 42))
	var ours, drawn []palm.Shift
	for i := range 12 {
		w := &palm.Wave{Anatomy: palm.New(6, i, wire.Left+wire.Hand(i%2)), Pose: palm.Guided(rng), Seed: rng.Uint64()}
		s, err := misfitOf(r, &rig, w)
		if err != nil {
			t.Log(err)
			continue
		}
		ours = append(ours, s)
	}
	for range 1000 {
		drawn = append(drawn, palm.DrawMisfit(rng).NIR)
	}
	place, turn, grow := sizes(ours)
	wantPlace, wantTurn, wantGrow := sizes(drawn)
	for name, pair := range map[string][2]float64{"place": {place, wantPlace}, "turn": {turn, wantTurn}, "growth": {grow, wantGrow}} {
		if k := pair[0] / pair[1]; len(ours) < 8 || k < 0.5 || k > 2 {
			t.Errorf("%s: vision errs by %.4f in %d cuts, %.4f is drawn", name, pair[0], len(ours), pair[1])
		}
	}
}
