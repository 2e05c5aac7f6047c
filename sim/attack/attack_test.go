package attack

import (
	"bytes"
	"math"
	"testing"
	"time"

	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

var hands = struct{ victim, carrier *palm.Anatomy }{palm.New(31, 1, wire.Left), palm.New(31, 5, wire.Left)}

// darkroom is a rig without a room's light.
func darkroom() *palm.Renderer {
	rig := palm.DefaultRig()
	rig.Room = palm.Room{}
	return palm.NewRenderer(rig)
}

func make1(t *testing.T, name string, seed uint64) *Attack {
	t.Helper()
	s, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return New(s, hands.victim, hands.carrier, seed)
}

// centred holds an attack still before the cameras.
func centred(a *Attack) *Attack {
	a.wave.Pose = palm.Pose{Distance: 80, X: 12.5, Spread: 1}
	return a
}

// level is the mean of a band's palm under a light, a millisecond.
func level(r *palm.Renderer, shoot func(hal.Light, time.Duration, uint32) hal.Shot, w *palm.Wave, band hal.Band, l hal.Light) float64 {
	s := shoot(l, time.Second, 1)
	f := &s.NIR
	if band == hal.RGB {
		f = &s.RGB
	}
	truth := r.Truth(w, band, time.Second)
	sum, n := 0.0, 0
	for i, v := range truth.Crop(f, 32) {
		if band == hal.RGB && i%3 != 1 {
			continue
		}
		sum, n = sum+float64(v), n+1
	}
	return sum / float64(n) / 255 / f.Exposure.Seconds() / 1000
}

func TestSpecies(t *testing.T) {
	if len(All) < 14 {
		t.Errorf("%d species, wants 14", len(All))
	}
	names := map[string]bool{}
	for _, s := range All {
		if s.Name == "" || s.About == "" || names[s.Name] {
			t.Errorf("%q: %q", s.Name, s.About)
		}
		names[s.Name] = true
	}
	if _, err := Find("dragon"); err == nil {
		t.Error("there are dragons")
	}
}

// TestSeeds: equal arguments give equal frames, other seeds other ones.
func TestSeeds(t *testing.T) {
	r := palm.NewRenderer(palm.DefaultRig())
	frames := func(name string, seed uint64) (out [][]byte) {
		scene := make1(t, name, seed).Scene(r, time.Second)
		for i, l := range []hal.Light{hal.White, hal.NIR850 | hal.TopLeft} {
			s := scene.Shoot(l, 2*time.Second+time.Duration(i)*33*time.Millisecond, uint32(i+1))
			out = append(out, append([]byte(nil), s.RGB.Pix...), append([]byte(nil), s.NIR.Pix...))
		}
		return out
	}
	for _, name := range []string{"silicone-glove", "injected"} {
		first, again, other := frames(name, 1), frames(name, 1), frames(name, 2)
		for i := range first {
			if !bytes.Equal(first[i], again[i]) {
				t.Errorf("%s: frame %d differs from run to run", name, i)
			}
		}
		if bytes.Equal(first[1], other[1]) {
			t.Errorf("%s: two seeds give one attack", name)
		}
	}
}

// TestPhysics holds what each material must do to light.
func TestPhysics(t *testing.T) {
	r := darkroom()
	look := func(name string, band hal.Band, l hal.Light) float64 {
		a := centred(make1(t, name, 3))
		scene := a.Scene(r, 0)
		return level(r, scene.Shoot, scene.Wave(), band, l)
	}
	skin := &palm.Wave{Anatomy: hands.victim, Pose: palm.Pose{Distance: 80, X: 12.5, Spread: 1}}
	bare := func(band hal.Band, l hal.Light) float64 {
		return level(r, func(l hal.Light, at time.Duration, seq uint32) hal.Shot { return r.Shoot(skin, l, at, seq) }, skin, band, l)
	}
	// The lamps of 940 nm stand elsewhere and are weaker, alike for all.
	water := func(at940, at850 float64) float64 { return math.Log(at850 / at940) }
	living := water(bare(hal.NIR, hal.NIR940), bare(hal.NIR, hal.NIR850))
	for _, name := range []string{"print-matte", "wax-hand", "silicone-glove"} {
		if d := living - water(look(name, hal.NIR, hal.NIR940), look(name, hal.NIR, hal.NIR850)); d < 0.02 {
			t.Errorf("%s: takes as much at 940 nm as water does (%.3f less)", name, d)
		}
	}
	if d := living - water(look("bloodless", hal.NIR, hal.NIR940), look("bloodless", hal.NIR, hal.NIR850)); math.Abs(d) > 0.09 {
		t.Errorf("a dead hand still holds water: %.3f less", d)
	}
	for _, name := range []string{"phone", "tablet", "video"} {
		if v, s := look(name, hal.NIR, hal.NIR850), bare(hal.NIR, hal.NIR850); v > 0.35*s {
			t.Errorf("%s: %.3f at 850 nm, skin %.3f", name, v, s)
		}
		if v := look(name, hal.RGB, 0); v < 0.005 {
			t.Errorf("%s: dark in the dark (%.4f)", name, v)
		}
	}
	if v := look("print-matte", hal.RGB, 0); v > 0.001 {
		t.Errorf("a print shines by itself: %.4f", v)
	}
}

// TestGlovesMoveWithTheHand: what lies on a hand is not flat, a sheet is.
func TestGlovesMoveWithTheHand(t *testing.T) {
	r := darkroom()
	bulge := func(name string) float64 {
		w := centred(make1(t, name, 3)).Wave(0)
		truth := r.Truth(w, hal.NIR, time.Second)
		in := r.Rig().Calibration.NIR
		// A plane shows points on a line evenly; the ball of the thumb stands out.
		a, okA := truth.Project(palm.Point{X: -20, Y: 30})
		b, okB := truth.Project(palm.Point{X: 20, Y: 30})
		m, okM := truth.Project(palm.Point{X: 0, Y: 30})
		if !okA || !okB || !okM {
			t.Fatal("behind the camera")
		}
		return math.Abs(m.X-(a.X+b.X)/2) / in.Fx * 80
	}
	if s, g := bulge("print-matte"), bulge("silicone-glove"); s > 0.3 || g < s {
		t.Errorf("a sheet bulges by %.2f mm, a glove by %.2f mm", s, g)
	}
}

// TestInjectedIsWhatWasRecorded: it is labelled as asked, and its light is not.
func TestInjectedIsWhatWasRecorded(t *testing.T) {
	r := palm.NewRenderer(palm.DefaultRig())
	a := make1(t, "injected", 1)
	a.replay.clips, a.replay.order = 1, false
	scene := a.Scene(r, 0)
	seen := map[string]int{}
	for corner := range 4 {
		for quarters := 2; quarters <= 4; quarters++ {
			l, _ := hal.LightOf(hal.White|hal.NIR850, 1<<corner, quarters)
			s := scene.Shoot(l, 3*time.Second, 7)
			if s.Light != l || s.NIR.Seq != 7 || s.RGB.At != 3*time.Second || s.Check() != nil {
				t.Errorf("asked %v as frame 7: %v, %d, %v, %v", l, s.Light, s.NIR.Seq, s.RGB.At, s.Check())
			}
			seen[string(s.NIR.Pix[:40000])]++
		}
	}
	if len(seen) > 8 {
		t.Errorf("%d pictures come of a burst of 8", len(seen))
	}
	if alike(hal.White, hal.White) <= alike(hal.White, hal.NIR850) ||
		alike(hal.White|hal.TopLeft, hal.White|hal.TopLeft) <= alike(hal.White|hal.TopRight, hal.White|hal.TopLeft) {
		t.Error("the likest frame is not the likest")
	}
}

// TestSeparation: a print has the colour that was wanted, and carbon alone shows at 850 nm.
func TestSeparation(t *testing.T) {
	want := palm.Reflectance{0.62, 0.45, 0.37}
	dye := press{sheet: paper, black: dyeBlack, share: 0.5}
	toner := press{sheet: paper, black: carbon, opaque: true, share: 1}
	for name, p := range map[string]*press{"dye": &dye, "toner": &toner} {
		got := p.printed(p.separate(want))
		for i := range 3 {
			if math.Abs(float64(got[i]-want[i])) > 0.05 {
				t.Errorf("%s: channel %d is %.2f, wanted %.2f", name, i, got[i], want[i])
			}
		}
	}
	if d, k := dye.printed(dye.separate(want))[palm.At850], toner.printed(toner.separate(want))[palm.At850]; d < 0.75 || k > d-0.05 {
		t.Errorf("at 850 nm dye sends back %.2f, toner %.2f", d, k)
	}
}

func TestOverIsBetweenItsLayers(t *testing.T) {
	ground := palm.Reflectance{0.5, 0.5, 0.5, 0.6, 0.5}
	clear := over(palm.Reflectance{}, palm.Reflectance{1, 1, 1, 1, 1}, ground)
	thick := over(palm.Reflectance{0.3, 0.3, 0.3, 0.3, 0.3}, palm.Reflectance{}, ground)
	if clear != ground || thick[0] != 0.3 {
		t.Errorf("a clear layer gives %v, an opaque one %v", clear, thick)
	}
}
