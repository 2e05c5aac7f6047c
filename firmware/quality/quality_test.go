package quality

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

var calibration = hal.Calibration{
	NIR: hal.Intrinsics{Width: 640, Height: 480, Fx: 300, Fy: 300, Cx: 319.5, Cy: 239.5},
	RGB: hal.Intrinsics{Width: 640, Height: 480, Fx: 300, Fy: 300, Cx: 319.5, Cy: 239.5},
	R:   [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, T: [3]float64{-24, 0, 0}, MaxSkew: time.Millisecond,
}

// flat is a near-infrared frame of one level.
func flat(level int, format hal.Format) *hal.Frame {
	f := &hal.Frame{Band: hal.NIR, Format: format, Width: 640, Height: 480, Stride: 640 * format.BytesPerPixel()}
	f.Pix = make([]byte, f.Stride*f.Height)
	for i := range f.Pix {
		switch {
		case format == hal.Y8:
			f.Pix[i] = byte(level)
		case i%2 == 0:
			f.Pix[i] = byte(level)
		default:
			f.Pix[i] = byte(level >> 8)
		}
	}
	return f
}

// at is a palm of a size in mm at a distance, centred between the cameras.
func at(distance, size float64) Palm {
	side := 300 * size / distance
	c := Point{319.5 + 300*12/distance, 239.5}
	step := side / wire.Side
	return Palm{
		Valleys: [3]Point{{c.X - side/2, c.Y}, {c.X, c.Y}, {c.X + side/2, c.Y}},
		Centre:  c, Side: side, Inside: 1, Spread: 0.2, Sure: 1,
		ToImage: [9]float64{step, 0, c.X - side/2, 0, step, c.Y - side/2, 0, 0, 1},
	}
}

func value(t *testing.T, r Report, k Kind) Value {
	t.Helper()
	for _, v := range r.Values {
		if v.Kind == k {
			return v
		}
	}
	t.Fatalf("%v was not measured", k)
	return Value{}
}

func TestGuide(t *testing.T) {
	good := func() *Sight {
		before := at(75, 55)
		return &Sight{Lit: flat(600, hal.Y10), Dark: flat(20, hal.Y10), Palm: at(75, 55), Before: &before, Elapsed: 66 * time.Millisecond}
	}
	if r := Guide(good(), &calibration); !r.Pass() || r.Quality() != 100 {
		t.Errorf("a good palm has quality %d, worst %+v", r.Quality(), r.Worst())
	}
	for name, c := range map[string]struct {
		spoil func(*Sight)
		kind  Kind
		cue   hal.Cue
	}{
		"far":       {func(s *Sight) { p := at(150, 55); s.Palm, s.Before = p, &p }, Distance, hal.CueCloser},
		"near":      {func(s *Sight) { p := at(36, 55); s.Palm, s.Before = p, &p }, Distance, hal.CueFarther},
		"beside":    {func(s *Sight) { s.Palm.Centre.X += 130; *s.Before = s.Palm }, Centre, hal.CueCentre},
		"cut off":   {func(s *Sight) { s.Palm.Inside = 0.7 }, Inside, hal.CueCentre},
		"dark":      {func(s *Sight) { s.Lit = flat(60, hal.Y10) }, Exposure, hal.CueCloser},
		"sunlit":    {func(s *Sight) { s.Dark = flat(560, hal.Y10) }, Exposure, hal.CueCloser},
		"burnt":     {func(s *Sight) { s.Lit = flat(1023, hal.Y10) }, Saturation, hal.CueFarther},
		"moving":    {func(s *Sight) { s.Before.Valleys[0].X -= 120 }, Motion, hal.CueStill},
		"new":       {func(s *Sight) { s.Before = nil }, Motion, hal.CueStill},
		"no time":   {func(s *Sight) { s.Elapsed = 0 }, Motion, hal.CueStill},
		"elsewhere": {func(s *Sight) { s.Palm.ToImage[2] = 1e6 }, Exposure, hal.CueAgain},
	} {
		s := good()
		c.spoil(s)
		r := Guide(s, &calibration)
		if value(t, r, c.kind).Pass() || r.Pass() {
			t.Errorf("%s: passes", name)
		}
		if got := value(t, r, c.kind).Cue(); got != c.cue && c.kind != Motion {
			t.Errorf("%s: cue %v", name, got)
		}
	}
	// The look in 8 bits tells the same.
	s := good()
	s.Lit, s.Dark = flat(150, hal.Y8), flat(5, hal.Y8)
	if v := value(t, Guide(s, &calibration), Exposure).Value; math.Abs(v-145./255) > 1e-6 {
		t.Errorf("exposure %g in 8 bits", v)
	}
}

// grain is a crop of noise, smoothed so often, of one contrast.
func grain(channels, smoothed int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	p, scratch := make([]float32, side*side), make([]float32, side*side)
	for i := range p {
		p[i] = rng.Float32() - 0.5
	}
	for range smoothed {
		smooth(p, scratch)
	}
	sum := 0.0
	for _, v := range p {
		sum += float64(v * v)
	}
	gain := float32(25 / math.Sqrt(sum/side/side))
	out := make([]byte, 0, channels*side*side)
	for _, v := range p {
		for range channels {
			out = append(out, byte(max(0, min(255, 120+gain*v))))
		}
	}
	return out
}

func good() *Wave {
	return &Wave{
		Lit: flat(600, hal.Y10), Dark: flat(20, hal.Y10), Palm: at(75, 55), Distance: 75, Tilt: 3, Pace: 8,
		RGB: grain(3, 1), NIR: grain(1, 1),
		RGBMask: bytes.Repeat([]byte{0xff}, wire.MaskBytes), NIRMask: bytes.Repeat([]byte{0xff}, wire.MaskBytes),
	}
}

func TestMeasure(t *testing.T) {
	r, err := Measure(good(), &calibration)
	if err != nil || !r.Pass() || r.Quality() != 100 {
		t.Errorf("a good palm has quality %d, worst %+v, %v", r.Quality(), r.Worst(), err)
	}
	for name, c := range map[string]struct {
		spoil func(*Wave)
		kind  Kind
	}{
		"tilted":      {func(w *Wave) { w.Tilt = 25 }, Tilt},
		"far":         {func(w *Wave) { w.Distance = 140 }, Distance},
		"moving":      {func(w *Wave) { w.Pace = 200 }, Motion},
		"blurred NIR": {func(w *Wave) { w.NIR = grain(1, 14) }, Focus},
		"blurred RGB": {func(w *Wave) { w.RGB = grain(3, 14) }, Focus},
		"burnt RGB":   {func(w *Wave) { copy(w.RGB, bytes.Repeat([]byte{255}, 6000)) }, Saturation},
		"black RGB":   {func(w *Wave) { clear(w.RGB) }, Exposure},
		"half a palm": {func(w *Wave) { clear(w.RGBMask[:wire.MaskBytes/2]) }, Coverage},
		"no skin":     {func(w *Wave) { clear(w.NIRMask) }, Coverage},
		"flat grey":   {func(w *Wave) { copy(w.NIR, bytes.Repeat([]byte{99}, len(w.NIR))) }, Focus},
		"noise alone": {func(w *Wave) {
			for i := range w.NIR {
				w.NIR[i] = 120 + w.NIR[i]&1
			}
		}, Focus},
		"beside":       {func(w *Wave) { w.Palm.Centre.Y += 130 }, Centre},
		"no distance":  {func(w *Wave) { w.Distance = math.NaN() }, Distance},
		"not a number": {func(w *Wave) { w.Tilt = math.NaN() }, Tilt},
	} {
		w := good()
		c.spoil(w)
		r, err := Measure(w, &calibration)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		failed := false
		for _, v := range r.Values {
			failed = failed || v.Kind == c.kind && !v.Pass()
		}
		if !failed || r.Pass() || r.Quality() != 0 {
			t.Errorf("%s: %v passes", name, c.kind)
		}
	}
}

func TestMeasureRefusesOtherSizes(t *testing.T) {
	for name, spoil := range map[string]func(*Wave){
		"no colour":       func(w *Wave) { w.RGB = nil },
		"short":           func(w *Wave) { w.NIR = w.NIR[1:] },
		"no colour mask":  func(w *Wave) { w.RGBMask = nil },
		"short mask":      func(w *Wave) { w.NIRMask = w.NIRMask[1:] },
		"one channel RGB": func(w *Wave) { w.RGB = w.NIR },
	} {
		w := good()
		spoil(w)
		if r, err := Measure(w, &calibration); err == nil || r.Pass() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFocusFalls blurs a picture step by step: the measure falls with every
// step, and neither gain nor offset of the light changes it.
func TestFocusFalls(t *testing.T) {
	mask := bytes.Repeat([]byte{0xff}, wire.MaskBytes)
	last := math.Inf(1)
	for n := range 20 {
		f := focus(grain(1, n), 1, 0, mask)
		if f >= last || f <= 0 {
			t.Errorf("smoothed %d times: %g after %g", n, f, last)
		}
		last = f
	}
	p := grain(1, 2)
	half := bytes.Clone(p)
	for i, v := range half {
		half[i] = v/2 + 60
	}
	if a, b := focus(p, 1, 0, mask), focus(half, 1, 0, mask); math.Abs(a-b) > 0.02*a {
		t.Errorf("%g, at half the contrast %g", a, b)
	}
}

func BenchmarkMeasure(b *testing.B) {
	w := good()
	for b.Loop() {
		_, _ = Measure(w, &calibration)
	}
}
