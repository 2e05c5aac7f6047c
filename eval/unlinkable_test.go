package eval

import (
	"math"
	"math/rand/v2"
	"testing"

	"volar/wire"
)

// Scores of one law link nothing, laws apart link all, and two normal laws that
// overlap link what the definition gives for them.
func TestLinkage(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	normal := func(mean float64) (v []float64) {
		for range 100_000 {
			v = append(v, mean+draw.NormFloat64())
		}
		return v
	}
	same := linkageOf(Distances{Genuine: normal(0), Impostor: normal(0)})
	if same.DSys > 0.02 {
		t.Errorf("one law: D_sys %.3f, want about 0", same.DSys)
	}
	apart := linkageOf(Distances{Genuine: normal(0), Impostor: normal(20)})
	if apart.DSys < 0.999 {
		t.Errorf("laws apart: D_sys %.3f, want 1", apart.DSys)
	}
	// By integration of p (p-q)/(p+q) where p > q, for normal laws two deviations apart.
	want := 0.0
	for x := -8.0; x < 10; x += 1e-3 {
		p, q := math.Exp(-x*x/2)/math.Sqrt(2*math.Pi), math.Exp(-(x-2)*(x-2)/2)/math.Sqrt(2*math.Pi)
		if p > q {
			want += 1e-3 * p * (p - q) / (p + q)
		}
	}
	if got := linkageOf(Distances{Genuine: normal(0), Impostor: normal(2)}).DSys; math.Abs(got-want) > 0.02 {
		t.Errorf("two deviations apart: D_sys %.3f, want %.3f", got, want)
	}
}

// With both keys codes of one palm at two tenants lie nearer than others; without, their templates do not.
func TestUnlinkability(t *testing.T) {
	people := NewSynthetic(1)
	pick := func(text string) []Sample {
		which, err := ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		set, err := people.Samples(6, SyntheticBands, which, wire.Left)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	u, err := MeasureUnlinkability(t.Context(), pick("session=1,capture=1"), pick("session=2,capture=4-5"), 2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if u.Mated != 2*6*2 || u.Unmated != u.Mated {
		t.Errorf("%d mated and %d other pairs, want 24 each", u.Mated, u.Unmated)
	}
	if gap := u.KeysKnown.UnmatedMean - u.KeysKnown.MatedMean; gap < 0.01 {
		t.Errorf("both keys known: codes of one palm are nearer by %.4f only; is it one palm at all?", gap)
	}
	if gap := math.Abs(u.Templates.UnmatedMean - u.Templates.MatedMean); gap > 0.005 {
		t.Errorf("no key known: templates of one palm are nearer by %.4f", gap)
	}
	if _, err := MeasureUnlinkability(t.Context(), pick("session=1,capture=1"), nil, 1, Options{}); err == nil {
		t.Error("nothing was measured, and that is no error")
	}
}
