package quality

import (
	"math"
	"testing"

	"volar/hal"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		value float64
		pass  bool
		grade uint8
		cue   hal.Cue
	}{
		{Distance, 39.9, false, 0, hal.CueFarther},
		{Distance, 40, true, 1, hal.CueFarther},
		{Distance, 47.5, true, 50, hal.CueFarther},
		{Distance, 70, true, 100, hal.CueAgain},
		{Distance, 120, true, 1, hal.CueCloser},
		{Distance, 121, false, 0, hal.CueCloser},
		{Tilt, 0, true, 100, hal.CueAgain},
		{Tilt, 30, false, 0, hal.CueFlatter},
		{Inside, 0.5, false, 0, hal.CueCentre},
		{Inside, 1, true, 100, hal.CueAgain},
		{Coverage, 0.3, false, 0, hal.CueCentre},
		{Centre, 0.4, false, 0, hal.CueCentre},
		{Motion, 500, false, 0, hal.CueStill},
		{Motion, math.Inf(1), false, 0, hal.CueStill},
		{Focus, 0, false, 0, hal.CueStill},
		{Exposure, 0.01, false, 0, hal.CueCloser},
		{Exposure, 0.95, false, 0, hal.CueFarther},
		{Saturation, 0.2, false, 0, hal.CueFarther},
		{Tilt, math.NaN(), false, 0, hal.CueAgain},
		{Focus, math.NaN(), false, 0, hal.CueAgain},
		{Tilt, math.Inf(-1), false, 0, hal.CueFlatter},
	} {
		v := Value{c.kind, c.value, limits[c.kind]}
		if v.Pass() != c.pass || v.Grade() != c.grade || v.Cue() != c.cue {
			t.Errorf("%v %g: pass %v, grade %d, cue %v", c.kind, c.value, v.Pass(), v.Grade(), v.Cue())
		}
	}
}

// TestZeroRefuses holds what was not measured against passing.
func TestZeroRefuses(t *testing.T) {
	if (Value{}).Pass() || (Report{}).Pass() || (Report{}).Quality() != 0 || (Report{}).Cue() != hal.CueAgain {
		t.Error("zero passes")
	}
	if (Value{Kind: kindCount}).Pass() {
		t.Error("an unknown measure passes")
	}
}

// TestEveryMeasureHasLimits keeps a new measure from passing by default.
func TestEveryMeasureHasLimits(t *testing.T) {
	for k := Kind(1); k < kindCount; k++ {
		l := limits[k]
		if !(l.Min <= l.Good && l.Good <= l.GoodMax && l.GoodMax <= l.Max && l.Min < l.Max) {
			t.Errorf("%v: limits %+v", k, l)
		}
		for _, cue := range []hal.Cue{l.Low, l.High} {
			if _, err := cue.Look(); err != nil || cue < hal.CueCloser || cue > hal.CueCentre {
				t.Errorf("%v: cue %v cures nothing", k, cue)
			}
		}
		if k.String() == "" || k.String() == kindNames[0] {
			t.Errorf("measure %d has no name", k)
		}
	}
}

func TestWorst(t *testing.T) {
	var r Report
	r.add(Distance, 70)
	r.add(Focus, 0.2)
	r.add(Motion, 55)
	if w := r.Worst(); w.Kind != Motion || !r.Pass() || r.Quality() != w.Grade() || r.Quality() < 45 || r.Quality() > 55 {
		t.Errorf("worst %v, quality %d", w.Kind, r.Quality())
	}
	// What fails by much hides what fails by little ...
	r.add(Saturation, 0.006)
	r.add(Exposure, -5)
	if w := r.Worst(); w.Kind != Exposure || r.Pass() {
		t.Errorf("worst %v", w.Kind)
	}
	// ... but a wrong position is cured first.
	r.add(Centre, 0.26)
	if w := r.Worst(); w.Kind != Centre || r.Cue() != hal.CueCentre || r.Quality() != 0 {
		t.Errorf("worst %v, cue %v, quality %d", w.Kind, r.Cue(), r.Quality())
	}
	if f := r.Failed(); len(f) != 3 || f[0] != "saturation" || f[1] != "exposure" || f[2] != "centre" {
		t.Errorf("failed %v", f)
	}
}
