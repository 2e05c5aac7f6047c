package matcher

import (
	"bytes"
	"math"
	"testing"

	"volar/wire"
)

var sure = Policy{FPIR: 1e-4}

// people enrols so many, two captures of the left hand each.
func people(t testing.TB, n int) []Entry {
	t.Helper()
	out := make([]Entry, n)
	for i := range out {
		seed := uint64(i + 1)
		out[i] = Entry{
			Person:   wire.Person{byte(i + 1)},
			Hand:     wire.Left,
			Captures: []*Capture{capture(t, seed, 0, 0, 0, 3), capture(t, seed, 4, -3, 2, 3)},
		}
	}
	return out
}

func TestIdentify(t *testing.T) {
	gallery := people(t, 6)
	for i := range gallery {
		p := NewProbe(capture(t, uint64(i+1), -5, 6, -3, 4))
		r := Identify(p, gallery, sure)
		if !r.Found || r.Person != gallery[i].Person || r.Compared != 12 {
			t.Errorf("person %d: %+v", i, r)
		}
	}
	if r := Identify(NewProbe(capture(t, 99, 0, 0, 0, 3)), gallery, sure); r.Found || r.Ambiguous || r.Person != (wire.Person{}) {
		t.Errorf("a stranger: %+v", r)
	}
}

func TestIdentifyRefuses(t *testing.T) {
	gallery := people(t, 2)
	p := NewProbe(capture(t, 1, 2, 2, 0, 3))
	twin := append(gallery, Entry{Person: wire.Person{9}, Hand: wire.Left, Captures: gallery[0].Captures})
	if r := Identify(p, twin, sure); r.Found || !r.Ambiguous {
		t.Errorf("two people with one palm: %+v", r)
	}
	again := append(gallery, Entry{Person: gallery[0].Person, Hand: wire.Left, Captures: gallery[0].Captures})
	if r := Identify(p, again, sure); !r.Found {
		t.Errorf("one person in two entries: %+v", r)
	}
	if r := Identify(p, gallery, Policy{}); r.Found {
		t.Errorf("the zero policy: %+v", r)
	}
	if r := Identify(p, nil, sure); r != (Result{}) {
		t.Errorf("an empty gallery: %+v", r)
	}
	for i := range gallery {
		gallery[i].Hand = wire.Right
	}
	if r := Identify(p, gallery, sure); r.Found || r.Compared != 0 {
		t.Errorf("a gallery of right hands: %+v", r)
	}
	p.Wipe()
	gallery[0].Hand = wire.Left
	if r := Identify(p, gallery, sure); r.Found {
		t.Errorf("a wiped probe: %+v", r)
	}
}

func TestVerifyAndSamePalm(t *testing.T) {
	gallery := people(t, 2)
	p := NewProbe(capture(t, 2, 3, 3, 3, 3))
	if !Verify(p, gallery[1:], sure) || Verify(p, gallery[:1], sure) || Verify(p, nil, sure) || Verify(p, gallery[1:], Policy{}) {
		t.Error("verify takes the wrong person, or not the right one")
	}
	own, other := gallery[1].Captures[0], gallery[0].Captures[0]
	if !SamePalm(p, own, sure) || SamePalm(p, other, sure) || SamePalm(p, own, Policy{}) {
		t.Error("same palm takes the wrong palm, or not the right one")
	}
	own.hand = wire.Right
	if SamePalm(p, own, sure) {
		t.Error("palms of different hands are the same palm")
	}
	own.Wipe()
	if SamePalm(p, own, sure) {
		t.Error("a wiped capture matches")
	}
}

// One band that fits does not carry another that is a stranger's.
func TestEachBandMustPass(t *testing.T) {
	print, err := Encode(wire.Left, []wire.View{
		view(wire.RGB, lines(1, 3, 0, 0, 0, 3)),
		view(wire.NIR, lines(4321, 1, 0, 0, 0, 3)),
	})
	if err != nil {
		t.Fatal(err)
	}
	own := capture(t, 1, 0, 0, 0, 3)
	s := NewProbe(print).Compare(own)
	if s.RGB > 0.12 {
		t.Fatalf("white light lies %v apart, and is the same", s.RGB)
	}
	if s.Fused >= sure.Threshold(BothBands, 1) {
		t.Fatalf("fused %v: the fused threshold alone already refuses; the test shows nothing", s.Fused)
	}
	if SamePalm(NewProbe(print), own, sure) {
		t.Fatal("a print in white light alone was accepted")
	}
}

func TestThresholdKnowsTheGallery(t *testing.T) {
	for _, b := range []Bands{OnlyRGB, OnlyNIR, BothBands} {
		last := 1.0
		for n := 1; n <= 1e9; n *= 10 {
			d := sure.Threshold(b, n)
			if d >= last || d < 0.1 || d > 0.4 {
				t.Errorf("bands %d, %d comparisons: threshold %v after %v", b, n, d, last)
			}
			last = d
		}
	}
	for _, y := range []Policy{{}, {FPIR: -1}, {FPIR: 1}, {FPIR: math.NaN()}, {FPIR: math.Inf(1)}} {
		if d := y.Threshold(BothBands, 10); d != 0 {
			t.Errorf("policy %+v has threshold %v", y, d)
		}
	}
	if sure.Threshold(0, 1) != 0 || sure.Threshold(4, 1) != 0 || sure.Threshold(BothBands, 0) != 0 {
		t.Error("no bands or no comparisons have a threshold")
	}
}

func TestNormalTail(t *testing.T) {
	// Abramowitz and Stegun 1964, table 26.5 and 26.2.
	for _, c := range []struct{ p, z float64 }{{0.5, 0}, {0.025, 1.959964}, {1e-3, 3.090232}, {1e-6, 4.753424}, {1e-9, 5.997807}} {
		if z := normalTail(math.Log(c.p)); math.Abs(z-c.z) > 1e-5 {
			t.Errorf("rate %g: %v, want %v", c.p, z, c.z)
		}
	}
}

// A search that looks at the nearest entries alone decides as one that looks at all.
func TestDecideOnShortlist(t *testing.T) {
	probe := NewProbe(capture(t, 1, 2, 0, 0, 4))
	var gallery []Entry
	for i := range 6 {
		gallery = append(gallery, Entry{Person: wire.Person{byte(i)}, Hand: wire.Left, Captures: []*Capture{capture(t, uint64(i+1), 0, 0, 0, 4)}})
	}
	want := Identify(probe, gallery, Policy{FPIR: 1e-3})
	near, n := Nearest(probe, &gallery[0])
	if got := Decide([]Near{near}, len(gallery), Policy{FPIR: 1e-3}); n != 1 || got != want || !got.Found {
		t.Errorf("shortlist of the mate: %+v, all: %+v", got, want)
	}
	if r := Decide(nil, 6, Policy{FPIR: 1e-3}); r.Found || r.Ambiguous || r.Compared != 6 {
		t.Errorf("an empty shortlist gives %+v", r)
	}
}

// Reading into a Capture again and again takes no memory and leaves nothing of the last one.
func TestUnmarshalAgain(t *testing.T) {
	both := capture(t, 1, 2, 0, 0, 4)
	template, err := both.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var c Capture
	if n := testing.AllocsPerRun(10, func() {
		if err := c.UnmarshalBinary(template); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a template", n)
	}
	again, err := c.MarshalBinary()
	if err != nil || !bytes.Equal(again, template) {
		t.Error("the template came back otherwise", err)
	}
	if c.UnmarshalBinary(template[:100]) == nil || c.Hand() != 0 || c.Has(wire.RGB) || c.Has(wire.NIR) {
		t.Error("a broken template left something")
	}
}
