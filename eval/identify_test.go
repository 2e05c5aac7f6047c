package eval

import (
	"context"
	"testing"
	"time"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

// searched identifies a few synthetic people among fillers, with probes that
// are their enrolled captures' views again, so that every mate lies near.
func searched(t *testing.T, size int) (*Searches, error) {
	t.Helper()
	people := NewSynthetic(5)
	fillers, err := OpenFillers(t.TempDir(), people, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer fillers.Close()
	const mates = 3
	gallery, err := people.Samples(mates, SyntheticBands, everything(t), wire.Left)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ParseSelector("session=2,capture=4")
	if err != nil {
		t.Fatal(err)
	}
	probes, err := people.Samples(mates+1, SyntheticBands, second, wire.Left) // one of them is not enrolled
	if err != nil {
		t.Fatal(err)
	}
	return Identify(context.Background(), gallery, probes, fillers, mates, size, Options{Enrol: 2})
}

func TestIdentify(t *testing.T) {
	s, err := searched(t, 12)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Found) != 3 || s.Palms != 12 || s.Captures != 3*2+9 {
		t.Fatalf("%d searches among %d palms with %d captures", len(s.Found), s.Palms, s.Captures)
	}
	for i, f := range s.Found {
		if f.Lost1 || f.Lost || f.Mate >= f.Other || f.Bands != matcher.BothBands {
			t.Errorf("search %d: %+v", i, f)
		}
		if f.Decided[0].Wrong || f.Decided[0].Stranger {
			t.Errorf("search %d names a stranger: %+v", i, f.Decided[0])
		}
	}
	r, err := NewSearchReport(Selection{Synthetic: 3}, s, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if r.RankOne != 1 || r.FNIR["1e-3"].FNIR != 0 || r.FNIR["1e-3"].Passing != 0 || r.Policy["1e-3"].FPIR != 0 {
		t.Errorf("%+v", r)
	}
	if _, err := searched(t, 2); err == nil {
		t.Error("three palms were hidden in a gallery of two")
	}
}

// Rates of searches that are written down: the loosest threshold that one of
// a hundred strangers passes, and mates before, behind and beyond it.
func TestSearchReport(t *testing.T) {
	s := &Searches{Palms: 10, Captures: 10}
	for i := range 100 {
		f := Found{Mate: 0.1, Other: 0.3 + float64(i)/1000, Bands: matcher.BothBands}
		switch {
		case i == 0:
			f.Mate = 0.3005 // within, but a stranger is nearer
		case i < 3:
			f.Mate = 0.45 // a stranger is nearer
		case i == 3:
			f.Mate, f.Lost1 = matcher.Farthest, true
		}
		f.Decided[0].Stranger = i < 2
		f.Decided[0].Named = i > 9
		s.Found = append(s.Found, f)
	}
	r, err := NewSearchReport(Selection{}, s, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	at := r.FNIR["1e-2"]
	if at.Threshold != 0.301 || at.Passing != 1 || at.FNIR != 0.04 {
		t.Errorf("at 1e-2: %+v", at)
	}
	if r.FNIR["1e-4"].Passing != 0 || r.RankOne != 0.96 || r.Stage1Loss != 0.01 || r.StageLoss != 0 {
		t.Errorf("%+v", r)
	}
	if p := r.Policy["1e-2"]; p.FPIR != 0.02 || p.FNIR != 0.1 {
		t.Errorf("policy %+v", p)
	}
	if _, err := NewSearchReport(Selection{}, &Searches{}, 0); err == nil {
		t.Error("no search has a report")
	}
}
