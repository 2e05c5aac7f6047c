package liveness

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

// texture is detail of unit deviation, of the sizes that count.
func texture(seed uint64) detail {
	rng := rand.New(rand.NewPCG(seed, 1))
	d, scratch := make(detail, side*side), make([]float32, side*side)
	for i := range d {
		d[i] = rng.Float32() - 0.5
	}
	for range 3 {
		average(d, scratch, 1)
	}
	all := make([]int, len(d))
	for i := range all {
		all[i] = i
	}
	k := float32(1 / math.Sqrt(cross(d, d, all)))
	for i := range d {
		d[i] *= k
	}
	return d
}

var creases, lines, vessels = texture(1), texture(2), texture(3)

// mix is a crop of a mean level with details of given contrasts.
func mix(level float64, parts map[*detail]float64) []byte {
	out := make([]byte, side*side)
	for i := range out {
		v := 1.0
		for d, k := range parts {
			v += k * float64((*d)[i])
		}
		out[i] = byte(max(0, min(255, level*v+0.5)))
	}
	return out
}

func colours(r, g, b []byte) []byte {
	out := make([]byte, 0, 3*len(r))
	for i := range r {
		out = append(out, r[i], g[i], b[i])
	}
	return out
}

// living is a palm as the checks want it.
func living() *Evidence {
	full := bytes.Repeat([]byte{0xff}, wire.MaskBytes)
	level := func(m float64) Level { return Level{m, 2 * time.Millisecond} }
	return &Evidence{
		RGB: colours(
			mix(170, map[*detail]float64{&creases: 0.05, &lines: 0.02}),
			mix(130, map[*detail]float64{&creases: 0.07, &lines: 0.03}),
			mix(110, map[*detail]float64{&creases: 0.07, &lines: 0.03})),
		NIR850:  mix(150, map[*detail]float64{&creases: 0.035, &vessels: 0.03}),
		NIR940:  mix(140, map[*detail]float64{&creases: 0.033, &vessels: 0.026}),
		RGBMask: full, NIRMask: bytes.Clone(full),
		RGBLevels: [lamps]Level{Dark: level(0.05), White: level(0.5), At850: level(0.054), At940: level(0.053)},
		NIRLevels: [lamps]Level{Dark: level(0.03), White: level(0.032), At850: level(0.55), At940: level(0.34)},
		Relief:    1,
	}
}

func TestLiving(t *testing.T) {
	v := Judge(Checks, living())
	if !v.Live() || v.Failed() != nil || len(v.Results) != len(Checks) {
		t.Errorf("failed %v", v.Failed())
		for _, r := range v.Results {
			t.Logf("%s: %.4f, %g to %g, %v", r.Name, r.Value, r.Min, r.Max, r.Err)
		}
	}
}

// TestChecks takes from a living palm what each check looks for.
func TestChecks(t *testing.T) {
	print := map[*detail]float64{&creases: 0.07, &lines: 0.03}
	for _, c := range []struct {
		name  string
		check string
		spoil func(*Evidence)
	}{
		{"a screen that shines by itself", "lamps answer", func(e *Evidence) { e.RGBLevels[Dark].Mean = 0.48 }},
		{"the sun", "lamps answer", func(e *Evidence) { e.NIRLevels[Dark].Mean = 0.4 }},
		{"the sun at 940 nm", "lamps answer", func(e *Evidence) { e.NIRLevels[Dark].Mean = 0.25 }},
		{"no white lamp", "lamps answer", func(e *Evidence) { e.RGBLevels[White] = e.RGBLevels[Dark] }},
		{"colour frames that answer to 850 nm", "no infrared in colour", func(e *Evidence) { e.RGBLevels[At850].Mean = 0.4 }},
		{"colour frames that answer to 940 nm", "no infrared in colour", func(e *Evidence) { e.RGBLevels[At940].Mean = 0.4 }},
		{"infrared frames that answer to white", "no white in infrared", func(e *Evidence) { e.NIRLevels[White].Mean = 0.3 }},
		{"two different palms in turn", "850 like 940", func(e *Evidence) { e.NIR940 = mix(140, map[*detail]float64{&lines: 0.05}) }},
		{"a grey print", "blood", func(e *Evidence) {
			g := mix(130, print)
			e.RGB = colours(g, g, g)
		}},
		{"a green hand", "blood", func(e *Evidence) {
			e.RGB = colours(mix(90, print), mix(130, print), mix(90, print))
		}},
		{"black toner", "translucency", func(e *Evidence) {
			e.NIR850 = mix(150, map[*detail]float64{&creases: 0.1, &lines: 0.043, &vessels: 0.01})
		}},
		{"ink that vanishes", "translucency", func(e *Evidence) {
			e.NIR850 = mix(150, map[*detail]float64{&vessels: 0.03})
		}},
		{"one picture in both bands", "two pictures", func(e *Evidence) { e.NIR850 = mix(150, print) }},
		{"two pictures of nothing in common", "two pictures", func(e *Evidence) {
			e.NIR850, e.NIR940 = mix(150, map[*detail]float64{&vessels: 0.05}), mix(150, map[*detail]float64{&vessels: 0.05})
		}},
		{"no veins", "veins", func(e *Evidence) {
			e.NIR850, e.NIR940 = mix(150, map[*detail]float64{&creases: 0.035}), mix(140, map[*detail]float64{&creases: 0.033})
		}},
		{"veins in one infrared band only", "veins", func(e *Evidence) { e.NIR940 = mix(140, map[*detail]float64{&creases: 0.033}) }},
		{"veins in colour too", "veins", func(e *Evidence) {
			r := mix(170, map[*detail]float64{&creases: 0.05, &vessels: 0.04})
			g := mix(130, map[*detail]float64{&creases: 0.07, &vessels: 0.03})
			e.RGB = colours(r, g, g)
		}},
		{"lines drawn with a marker", "veins", func(e *Evidence) {
			e.NIR850, e.NIR940 = mix(150, map[*detail]float64{&vessels: 0.3}), mix(140, map[*detail]float64{&vessels: 0.3})
		}},
		{"flat", "relief", func(e *Evidence) { e.Relief = 0.1 }},
		{"a fist", "relief", func(e *Evidence) { e.Relief = 15 }},
		{"depth unknown", "relief?", func(e *Evidence) { e.Relief = math.NaN() }},
	} {
		e := living()
		c.spoil(e)
		v := Judge(Checks, e)
		if v.Live() || !slices.Contains(v.Failed(), c.check) {
			t.Errorf("%s: failed %v, want %s among them", c.name, v.Failed(), c.check)
		}
	}
}

// TestNothingRefuses holds everything that did not run against passing.
func TestNothingRefuses(t *testing.T) {
	if (Verdict{}).Live() || (Result{}).Pass() || Judge(nil, living()).Live() {
		t.Error("what was not checked is alive")
	}
	fails := Check{Name: "fails", Min: 0, Max: 1, Measure: func(*Evidence) (float64, error) { return 0.5, errors.New("no") }}
	if v := Judge([]Check{Checks[0], fails}, living()); v.Live() || v.Failed()[0] != "fails?" {
		t.Errorf("failed %v", v.Failed())
	}
	for name, spoil := range map[string]func(*Evidence){
		"zero":            func(e *Evidence) { *e = Evidence{} },
		"no colour":       func(e *Evidence) { e.RGB = nil },
		"short crop":      func(e *Evidence) { e.NIR850 = e.NIR850[1:] },
		"no 940 nm":       func(e *Evidence) { e.NIR940 = nil },
		"short mask":      func(e *Evidence) { e.RGBMask = e.RGBMask[1:] },
		"no skin":         func(e *Evidence) { clear(e.RGBMask) },
		"little skin":     func(e *Evidence) { clear(e.NIRMask[30:]) },
		"no exposure":     func(e *Evidence) { e.RGBLevels[White].Exposure = 0 },
		"level no number": func(e *Evidence) { e.NIRLevels[Dark].Mean = math.NaN() },
		"level too high":  func(e *Evidence) { e.NIRLevels[At940].Mean = 1.1 },
		"black":           func(e *Evidence) { clear(e.RGB); clear(e.NIR850); clear(e.NIR940) },
	} {
		e := living()
		spoil(e)
		v := Judge(Checks, e)
		if v.Live() || len(v.Failed()) == 0 {
			t.Errorf("%s: alive", name)
		}
		if name == "black" {
			continue
		}
		for _, f := range v.Failed() {
			if !strings.HasSuffix(f, "?") {
				t.Errorf("%s: %s ran", name, f)
			}
		}
	}
}

// TestEveryCheckHasLimits keeps a check from passing whatever it measures.
func TestEveryCheckHasLimits(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Checks {
		if c.Name == "" || names[c.Name] || c.Measure == nil || !(c.Min < c.Max) || math.IsInf(c.Min, 0) || math.IsInf(c.Max, 0) {
			t.Errorf("check %q: %g to %g", c.Name, c.Min, c.Max)
		}
		names[c.Name] = true
	}
}

// TestJudgeLeavesTheEvidence is about the caller's crops: they are not changed.
func TestJudgeLeavesTheEvidence(t *testing.T) {
	e, want := living(), living()
	Judge(Checks, e)
	if !bytes.Equal(e.RGB, want.RGB) || !bytes.Equal(e.NIR850, want.NIR850) || e.green != nil {
		t.Error("the evidence was changed")
	}
}

func TestMean(t *testing.T) {
	whole := &[9]float64{0.5, 0, 0, 0, 0.5, 0, 0, 0, 1} // the crop is the frame's 64 by 64 corner
	for _, c := range []struct {
		format hal.Format
		pixel  []byte
		want   float64
	}{
		{hal.Y8, []byte{51}, 0.2},
		{hal.Y10, []byte{0xff, 3}, 1},
		{hal.RGB24, []byte{255, 0, 0}, 1. / 3},
	} {
		f := &hal.Frame{Format: c.format, Width: 70, Height: 66, Stride: 70*len(c.pixel) + 3}
		for range f.Height {
			f.Pix = append(append(f.Pix, bytes.Repeat(c.pixel, f.Width)...), 99, 99, 99)
		}
		if got := Mean(f, whole); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: %g, want %g", c.format, got, c.want)
		}
		if got := Mean(f, &[9]float64{1, 0, 1e5, 0, 1, 0, 0, 0, 1}); !math.IsNaN(got) {
			t.Errorf("%v: %g outside the frame", c.format, got)
		}
		if got := Mean(f, &[9]float64{}); !math.IsNaN(got) {
			t.Errorf("%v: %g through no homography", c.format, got)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	e := living()
	for b.Loop() {
		Judge(Checks, e)
	}
}
