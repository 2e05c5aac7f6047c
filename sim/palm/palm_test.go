package palm

import (
	"bytes"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

// anatomy keeps the hands that several tests use.
var anatomy = func() func(id int, h wire.Hand) *Anatomy {
	var mu sync.Mutex
	made := map[[2]int]*Anatomy{}
	return func(id int, h wire.Hand) *Anatomy {
		mu.Lock()
		defer mu.Unlock()
		k := [2]int{id, int(h)}
		if made[k] == nil {
			made[k] = New(11, id, h)
		}
		return made[k]
	}
}()

// still is a palm that lies flat and centred.
func still(a *Anatomy) *Wave {
	return &Wave{Anatomy: a, Seed: 5, Pose: Pose{Distance: 80, X: midway, Spread: 1, Skin: 3, Stretch: 0.3}}
}

func copyFrame(f hal.Frame) hal.Frame {
	f.Pix = bytes.Clone(f.Pix)
	return f
}

func TestSameSeedSameBytes(t *testing.T) {
	w := &Wave{Anatomy: New(3, 1, wire.Left), Pose: Unguided(rand.New(rand.NewPCG(1, 1))), Seed: 9}
	v := *w
	v.Anatomy = New(3, 1, wire.Left)
	a, b := NewRenderer(DefaultRig()), NewRenderer(DefaultRig())
	// What was drawn before must not show.
	b.Shoot(still(anatomy(2, wire.Right)), hal.White, time.Second, 7)
	for _, light := range []hal.Light{0, hal.White, hal.NIR850 | hal.NIR940} {
		s, u := a.Shoot(w, light, time.Millisecond, 1), b.Shoot(&v, light, time.Millisecond, 1)
		if !bytes.Equal(s.RGB.Pix, u.RGB.Pix) || !bytes.Equal(s.NIR.Pix, u.NIR.Pix) {
			t.Errorf("%v: the same seeds gave different bytes", light)
		}
	}
	s := a.Shoot(w, hal.White, time.Millisecond, 1)
	first := copyFrame(s.RGB)
	if s = a.Shoot(w, hal.White, time.Millisecond, 2); bytes.Equal(first.Pix, s.RGB.Pix) {
		t.Error("two shots have the same noise")
	}
}

func TestHandsOfAPerson(t *testing.T) {
	l, r, other := anatomy(1, wire.Left), anatomy(1, wire.Right), anatomy(2, wire.Left)
	if l.person != r.person {
		t.Error("the two hands of a person have different size or tone")
	}
	if l.person == other.person {
		t.Error("two people share size and tone")
	}
	if bytes.Equal(words(l.tex.rgb), words(r.tex.rgb)) {
		t.Error("left and right hand have the same lines")
	}
	defer func() {
		if recover() == nil {
			t.Error("a hand that is neither left nor right was made")
		}
	}()
	New(1, 1, 0)
}

func words(w []uint64) []byte {
	var b []byte
	for _, v := range w {
		b = append(b, byte(v>>8), byte(v>>24))
	}
	return b
}

// mean is the level of a band over the middle of the palm, 0 to 1.
func mean(r *Renderer, w *Wave, f *hal.Frame) float64 {
	truth := r.Truth(w, f.Band, f.At-skewOf(r, f.Band))
	sum, c := 0.0, truth.Crop(f, 32)
	for _, v := range c {
		sum += float64(v)
	}
	return sum / float64(len(c)) / 255
}

func skewOf(r *Renderer, b hal.Band) time.Duration {
	if b == hal.NIR {
		return r.rig.Skew
	}
	return 0
}

// levels gives the mean of both bands under a light.
func levelsOf(w *Wave, light hal.Light) (rgb, nir float64) {
	rig := DefaultRig()
	rig.Room = Room{}
	r := NewRenderer(rig)
	s := r.Shoot(w, light, 0, 1)
	return mean(r, w, &s.RGB), mean(r, w, &s.NIR)
}

func TestEachCameraSeesItsOwnLight(t *testing.T) {
	w := still(anatomy(1, wire.Left))
	rgb, nir := levelsOf(w, hal.White)
	if rgb < 0.4 || nir > 0.06 {
		t.Errorf("white light: RGB %.3f, NIR %.3f", rgb, nir)
	}
	rgb, nir = levelsOf(w, hal.NIR850)
	if rgb > 0.08 || nir < 0.3 {
		t.Errorf("850 nm: RGB %.3f, NIR %.3f", rgb, nir)
	}
	rgb, nir940 := levelsOf(w, hal.NIR940)
	if rgb > 0.08 || nir940 > 0.85*nir || nir940 < 0.3*nir {
		t.Errorf("940 nm: RGB %.3f, NIR %.3f against %.3f at 850 nm", rgb, nir940, nir)
	}
	if rgb, nir = levelsOf(w, 0); rgb > 0.03 || nir > 0.03 {
		t.Errorf("dark: RGB %.3f, NIR %.3f", rgb, nir)
	}
}

func TestMaterials(t *testing.T) {
	w := still(anatomy(1, wire.Left))
	w.Material = Screen
	if rgb, nir := levelsOf(w, 0); rgb < 0.3 || nir > 0.05 {
		t.Errorf("a screen in the dark: RGB %.3f, NIR %.3f", rgb, nir)
	}
	if _, nir := levelsOf(w, hal.NIR850); nir > 0.2 {
		t.Errorf("a screen at 850 nm: %.3f", nir)
	}
	// Dyes vanish at 850 nm, the black toner does not: its creases stay.
	contrast := map[Material]float64{}
	for _, m := range []Material{Skin, LaserPrint, InkjetPrint, VeinPrint} {
		w.Material = m
		contrast[m] = detail(w, hal.NIR850, hal.NIR)
	}
	if contrast[InkjetPrint] > 0.5*contrast[LaserPrint] || contrast[InkjetPrint] > 0.5*contrast[Skin] {
		t.Errorf("detail at 850 nm: inkjet %.4f, laser %.4f, skin %.4f",
			contrast[InkjetPrint], contrast[LaserPrint], contrast[Skin])
	}
	if contrast[VeinPrint] < contrast[InkjetPrint] {
		t.Error("a vein print shows no more at 850 nm than an inkjet print")
	}
}

// detail is the deviation of the palm square from its own blurred copy,
// relative to its mean, noise aside.
func detail(w *Wave, light hal.Light, band hal.Band) float64 {
	rig := DefaultRig()
	rig.NIR.FullWell, rig.RGB.FullWell = 1e9, 1e9
	rig.NIR.Read, rig.RGB.Read = 1, 1
	r := NewRenderer(rig)
	s := r.Shoot(w, light, 0, 1)
	f := &s.RGB
	if band == hal.NIR {
		f = &s.NIR
	}
	truth := r.Truth(w, band, 0)
	const side = 64
	crop := truth.Crop(f, side)
	n := len(crop) / side / side
	g := &grid{w: side, h: side, step: 1, v: make([]float32, side*side)}
	sum := 0.0
	for i := range g.v {
		g.v[i] = float32(crop[i*n+n/2])
		sum += float64(g.v[i])
	}
	wide := g.blurred(5)
	dev := 0.0
	for i := range g.v {
		d := float64(g.v[i] - wide.v[i])
		dev += d * d
	}
	return math.Sqrt(dev/float64(len(g.v))) / (sum / float64(len(g.v)))
}

func TestVeinsShowInInfraredAndFadeInTheCold(t *testing.T) {
	// The share of light that the maps lose over veins, in each band.
	a := anatomy(1, wire.Left)
	warm, cold := still(a), still(a)
	cold.Condition.Cold = 1
	body := newBody(warm)
	if v := body.tints[hal.NIR][0].vein; v < 0.1 || body.tints[hal.NIR][1].vein >= v {
		t.Errorf("veins at 850 and 940 nm: %v, %v", v, body.tints[hal.NIR][1].vein)
	}
	sum := func(w *Wave) (s float32) {
		for _, v := range newShape(w, body).vein {
			s += v
		}
		return s
	}
	if c, h := sum(cold), sum(warm); c > 0.3*h {
		t.Errorf("veins of a cold hand: %.0f of %.0f", c, h)
	}
}

func TestConditionsShow(t *testing.T) {
	a := anatomy(1, wire.Left)
	plain := newBody(still(a)).tex
	for name, c := range map[string]Condition{
		"ring": {Ring: true}, "plaster": {Plaster: true}, "dirt": {Dirt: 0.8}, "sleeve": {Sleeve: true},
	} {
		w := still(a)
		w.Condition = c
		tex := newBody(w).tex
		changed := 0
		for i := range tex.rgb {
			if tex.rgb[i] != plain.rgb[i] && tex.nir[i] != plain.nir[i] {
				changed++
			}
		}
		// At least half a square centimetre.
		if changed < 800 {
			t.Errorf("%s changes %d texels", name, changed)
		}
		if &tex.rgb[0] == &plain.rgb[0] {
			t.Errorf("%s was painted on the anatomy itself", name)
		}
	}
}

func TestMovementBlursAndIsSeenByTheSecondCamera(t *testing.T) {
	a := anatomy(1, wire.Left)
	w := still(a)
	sharp := detail(w, hal.White, hal.RGB)
	w.Pose.Velocity = [3]float64{500, 0, 0}
	if moved := detail(w, hal.White, hal.RGB); moved > 0.85*sharp {
		t.Errorf("detail moving %.4f, still %.4f", moved, sharp)
	}
	rig := DefaultRig()
	rig.Calibration.RGB, rig.Calibration.R, rig.Calibration.T = rig.Calibration.NIR, [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, [3]float64{}
	for _, s := range []*Sensor{&rig.NIR, &rig.RGB} {
		s.Shortest, s.Longest = time.Millisecond, time.Millisecond
	}
	r := NewRenderer(rig)
	x := r.Truth(w, hal.RGB, 0).Valleys[0].X
	y := r.Truth(w, hal.NIR, 0).Valleys[0].X
	// 2 ms at 500 mm/s are 1 mm: 3.7 px at 80 mm.
	if d := y - x; d < 3.5 || d > 4.3 {
		t.Errorf("two cameras in one place see the palm %.2f px apart", d)
	}
}

func TestPresence(t *testing.T) {
	w := still(anatomy(1, wire.Left))
	w.Start, w.Arrive, w.Leave = time.Second, 500*time.Millisecond, 3*time.Second
	for at, want := range map[time.Duration]bool{0: false, time.Second: true, 2 * time.Second: true, 3 * time.Second: false} {
		if got := w.Present(at); got != want {
			t.Errorf("present at %v: %v", at, got)
		}
	}
	if (*Wave)(nil).Present(0) {
		t.Error("nothing is present")
	}
	if far, near := w.pose(time.Second).Distance, w.pose(1500*time.Millisecond).Distance; far < near+100 {
		t.Errorf("the hand arrives from %.0f mm at %.0f mm", far, near)
	}
	r := NewRenderer(DefaultRig())
	s := r.Shoot(nil, hal.NIR850, 0, 0)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if v := pixel(&s.NIR, 320, 240, 0); v > 20 {
		t.Errorf("an empty scene is lit: %.0f", v)
	}
}

func TestBurstHoldsExposure(t *testing.T) {
	w := still(anatomy(1, wire.Left))
	w.Pose.Velocity[2] = 30
	r := NewRenderer(DefaultRig())
	a := r.Shoot(w, 0, time.Second, 1)
	rgb, nir := a.RGB.Exposure, a.NIR.Exposure
	b := r.Shoot(w, hal.NIR850, 1100*time.Millisecond, 2)
	if b.RGB.Exposure != rgb || b.NIR.Exposure != nir {
		t.Error("exposure changed within a burst")
	}
	if b.Skew() != r.rig.Skew || b.RGB.Seq != 2 || b.NIR.Seq != 2 {
		t.Errorf("skew %v, sequence %d and %d", b.Skew(), b.RGB.Seq, b.NIR.Seq)
	}
}

func TestEightBits(t *testing.T) {
	rig := DefaultRig()
	rig.NIR.Format = hal.Y8
	r := NewRenderer(rig)
	w := still(anatomy(1, wire.Left))
	s := r.Shoot(w, hal.NIR850, 0, 1)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if v := mean(r, w, &s.NIR); v < 0.3 {
		t.Errorf("palm at %.3f of full scale in 8 bits", v)
	}
}

func TestRigCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Rig){
		"calibration": func(r *Rig) { r.Calibration.NIR.Fx = 0 },
		"odd size":    func(r *Rig) { r.Calibration.RGB.Width = 641 },
		"format":      func(r *Rig) { r.NIR.Format = hal.RGB24 },
		"no format":   func(r *Rig) { r.NIR.Format = 0 },
		"exposure":    func(r *Rig) { r.RGB.Longest = 0 },
	} {
		r := DefaultRig()
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		if spoil(&r); r.Check() == nil {
			t.Errorf("%s: a broken rig passes", name)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for m := range materialCount {
		seen[m.String()] = true
	}
	for _, f := range Flaws() {
		seen[f.String()] = true
	}
	if len(seen) != int(materialCount)+int(flawCount) || seen[""] {
		t.Errorf("names are missing or double: %v", seen)
	}
	if Material(99).String() != "no material" || Flaw(99).String() != "no flaw" {
		t.Error("unknown values have names")
	}
}
