package vision

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

// wave shows one synthetic palm to both cameras, and checks what Rectify made
// of it against the truth. It is nil where the palm was refused.
func wave(t *testing.T, r *palm.Renderer, cal *hal.Calibration, w *palm.Wave) *Rectified {
	t.Helper()
	const ms = time.Millisecond
	shoot := func(l hal.Light, at time.Duration) *hal.Shot {
		s := r.Shoot(w, l, at, 0)
		s.RGB.Pix, s.NIR.Pix = append([]byte(nil), s.RGB.Pix...), append([]byte(nil), s.NIR.Pix...)
		return &s
	}
	out, err := Rectify(shoot(0, 0), shoot(hal.White, 33*ms), shoot(hal.NIR850, 66*ms), shoot(hal.NIR940, 99*ms), cal)
	if err != nil {
		t.Log(err)
		return nil
	}
	truth := r.Truth(w, hal.NIR, 66*ms)
	if out.Hand != w.Anatomy.Hand() {
		t.Errorf("%v hand, is a %v one", out.Hand, w.Anatomy.Hand())
	}
	for k, v := range truth.Valleys {
		if e := out.Valleys[k].sub(Point(v)).norm() / out.Side * wire.Side; e > 3 {
			t.Errorf("valley %d is %.1f crop pixels off", k, e)
		}
	}
	// The pads of the palm stand nearer than the bones from which the truth counts.
	if d := truth.Distance - out.DistanceMM; d < -6 || d > 14 {
		t.Errorf("distance %.1f mm, is %.1f", out.DistanceMM, truth.Distance)
	}
	return out
}

// skinIn is where places of the palm (mm in the anatomy's own frame) lie in a
// crop that h takes to the near-infrared picture.
func skinIn(t *testing.T, truth *palm.Truth, h [9]float64) (places []Point) {
	t.Helper()
	back, ok := invert(h)
	if !ok {
		t.Fatal("crop has no inverse")
	}
	for i := range 9 {
		p, ok := truth.Project(palm.Point{X: float64(i%3-1) * 14, Y: float64(i/3-1) * 14})
		if !ok {
			t.Fatal("palm behind the camera")
		}
		places = append(places, apply(back, Point(p)))
	}
	return places
}

// apart is the root mean square distance of places.
func apart(a, b []Point) float64 {
	sum := 0.0
	for i := range a {
		sum += square(a[i].sub(b[i]).norm())
	}
	return math.Sqrt(sum / float64(len(a)))
}

// TestSyntheticPalms looks at palms with anatomy, veins and relief. In two
// waves of one palm the same skin lies in nearly the same place of the crop,
// about as nearly as in crops cut by the truth: spread fingers move the valleys.
func TestSyntheticPalms(t *testing.T) {
	rig := palm.DefaultRig()
	r := palm.NewRenderer(rig)
	rng := rand.New(rand.NewPCG(31, 32))
	const palms = 5
	refused := 0
	for i := range palms {
		anatomy := palm.New(5, i, wire.Left+wire.Hand(i%2))
		var ours, ideal [][]Point
		for range 2 {
			w := &palm.Wave{Anatomy: anatomy, Pose: palm.Guided(rng), Seed: rng.Uint64()}
			out := wave(t, r, &rig.Calibration, w)
			if out == nil {
				refused++
				continue
			}
			if out.Registration < 0.3 {
				t.Errorf("palm %d: likeness of the bands %.2f", i, out.Registration)
			}
			truth := r.Truth(w, hal.NIR, 66*time.Millisecond)
			const px = 1. / wire.Side // the truth's square has sides of 1
			ours = append(ours, skinIn(t, &truth, out.ToImage))
			ideal = append(ideal, skinIn(t, &truth, multiply(truth.ToImage, [9]float64{px, 0, px / 2, 0, px, px / 2, 0, 0, 1})))
			out.Wipe()
		}
		if len(ours) < 2 {
			continue
		}
		if e, least := apart(ours[0], ours[1]), apart(ideal[0], ideal[1]); e > least+4 {
			t.Errorf("palm %d: the skin lies %.1f crop pixels apart in two waves, in ideal crops %.1f", i, e, least)
		}
	}
	if refused > 1 {
		t.Errorf("%d of %d guided waves refused", refused, 2*palms)
	}
}
