package eval

import (
	"math"
	"testing"
)

// step is n distances from first on, apart by gap.
func step(n int, first, gap float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = first + gap*float64(i)
	}
	return out
}

func TestMeasure(t *testing.T) {
	// 10,000 impostors from 0.3 on, 1e-5 apart: 10 lie below 0.3001, one alone below 0.30001.
	d := &Distances{
		Genuine:  append(step(96, 0.1, 0.001), 0.29999, 0.300005, 0.30005, 0.35),
		Impostor: step(10000, 0.3, 1e-5),
	}
	r := Measure(d)
	if r.Genuine != 100 || r.Impostor != 10000 {
		t.Fatalf("%d genuine, %d impostor", r.Genuine, r.Impostor)
	}
	want := map[string]float64{"1e-3": 0.01, "1e-4": 0.02, "1e-5": 0.03, "1e-6": 0.03}
	matches := map[string]int{"1e-3": 10, "1e-4": 1, "1e-5": 0, "1e-6": 0}
	for name, w := range want {
		if r.FNMR[name] != w || r.Matches[name] != matches[name] {
			t.Errorf("at %s: FNMR %v with %d matches, want %v with %d", name, r.FNMR[name], r.Matches[name], w, matches[name])
		}
	}
	if r.FNMRZero != 0.03 {
		t.Errorf("zero: %v, want 0.03", r.FNMRZero)
	}
	// One genuine distance beyond 0.35; at a false match rate of 1 % it is the only one missed.
	if math.Abs(r.EER-0.01) > 1e-3 {
		t.Errorf("EER %v, want 0.01", r.EER)
	}
	if b := r.FNMRBounds["1e-3"]; math.Abs(b[0]-0.000253146) > 1e-6 || math.Abs(b[1]-0.0544594) > 1e-6 {
		t.Errorf("bounds of 1 of 100: %v", b)
	}
}

func TestMeasureWithoutOverlap(t *testing.T) {
	r := Measure(&Distances{Genuine: step(50, 0.1, 0.001), Impostor: step(1000, 0.3, 0.0001)})
	if r.EER != 0 || r.FNMRZero != 0 || r.FNMR["1e-3"] != 0 {
		t.Errorf("%+v", r)
	}
	if r.EERBounds[0] != 0 || r.EERBounds[1] < 0.05 || r.EERBounds[1] > 0.08 {
		t.Errorf("no error in 50 has the bounds %v", r.EERBounds)
	}
}

func TestMeasureUpsideDown(t *testing.T) {
	r := Measure(&Distances{Genuine: step(100, 0.4, 0.001), Impostor: step(100, 0.1, 0.001)})
	if r.EER < 0.9 || r.FNMRZero != 1 {
		t.Errorf("a matcher that is always wrong: EER %v, at no false match %v", r.EER, r.FNMRZero)
	}
}

func TestTiesDoNotPass(t *testing.T) {
	// Three impostors share the threshold's distance: at most one may pass, so none does.
	d := &Distances{Genuine: []float64{0.2, 0.3}, Impostor: append([]float64{0.3, 0.3, 0.3}, step(997, 0.4, 0.0001)...)}
	r := Measure(d)
	if r.Matches["1e-3"] != 0 || r.FNMR["1e-3"] != 0.5 {
		t.Errorf("%d matches, FNMR %v; want none and 0.5", r.Matches["1e-3"], r.FNMR["1e-3"])
	}
}

func TestShareIsNotLostToRounding(t *testing.T) {
	for _, n := range []int{10000, 78911, 80000, 2241000, 8982000} {
		impostor := step(n, 0, 1)
		if got, want := thresholdAt(impostor, 1e-4), float64(n/10000); got != want {
			t.Errorf("%d impostors: threshold number %v, want %v", n, got, want)
		}
	}
}

func TestClopperPearson(t *testing.T) {
	for _, c := range []struct {
		x, n int
		want Bounds
	}{
		{0, 10, Bounds{0, 0.3084971}}, // 1 - 0.025^(1/10)
		{10, 10, Bounds{0.6915029, 1}},
		{5, 10, Bounds{0.1870860, 0.8129140}},
		{0, 0, Bounds{0, 1}},
	} {
		b := clopperPearson(c.x, c.n)
		if math.Abs(b[0]-c.want[0]) > 1e-6 || math.Abs(b[1]-c.want[1]) > 1e-6 {
			t.Errorf("%d of %d: %v, want %v", c.x, c.n, b, c.want)
		}
	}
}
