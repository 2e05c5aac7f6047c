package fit

import (
	"bytes"
	"errors"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"volar/liveness"
)

// crowd draws values: living ones round zero, those of an attack moved by so
// many deviations in one check.
func crowd(seed uint64, n int, species string, check int, by float64) (list []Presentation) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		v := make([]float64, len(liveness.Checks))
		for i, c := range liveness.Checks {
			if v[i] = rng.NormFloat64(); c.Given != nil {
				v[i] = (c.Given.Low + c.Given.High) / 2
			}
			if c.Error {
				v[i] = math.Abs(v[i])
			}
		}
		if species != "" {
			v[check] += by
		}
		list = append(list, Presentation{v, species})
	}
	return list
}

// free are checks whose limits are learnt and two-sided.
func free() (list []int) {
	for i, c := range liveness.Checks {
		if c.Given == nil && !c.Error {
			list = append(list, i)
		}
	}
	return list
}

func share(m *liveness.Model, list []Presentation) float64 {
	n := 0.0
	for _, p := range list {
		if m.Accepts(p.Values) {
			n++
		}
	}
	return n / float64(len(list))
}

func TestModel(t *testing.T) {
	a, b := free()[0], free()[1]
	data := append(crowd(1, 600, "", 0, 0), crowd(2, 200, "low", a, -7)...)
	data = append(data, crowd(3, 200, "high", b, 7)...)
	m, err := Model(data)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		list        []Presentation
		least, most float64
	}{
		"living":                    {crowd(4, 1000, "", 0, 0), 0.97, 1},
		"known, low":                {crowd(5, 500, "low", a, -7), 0, 0.02},
		"known, high":               {crowd(6, 500, "high", b, 7), 0, 0.02},
		"known, farther off":        {crowd(7, 500, "high", b, 50), 0, 0},
		"never seen, another check": {crowd(8, 500, "new", free()[2], 8), 0, 0.05},
	} {
		if got := share(m, c.list); got < c.least || got > c.most {
			t.Errorf("%s: accepts %.3f, want %g to %g", name, got, c.least, c.most)
		}
	}
	again, err := Model(data)
	if err != nil || !reflect.DeepEqual(m, again) {
		t.Error("equal data give another model")
	}
	if m.Checks[a].Below <= m.Checks[a].Above {
		t.Errorf("weights %g below and %g above, where attacks lie below", m.Checks[a].Below, m.Checks[a].Above)
	}
}

// TestSurprise: two values that living palms have in common, and an attack that nobody has
// shown, which has each as some living palm has, and both as none.
func TestSurprise(t *testing.T) {
	a, b := free()[3], free()[4]
	bind := func(list []Presentation, sign float64) []Presentation {
		for _, p := range list {
			p.Values[b] = sign*p.Values[a] + 0.1*p.Values[b]
		}
		return list
	}
	m, err := Model(append(bind(crowd(1, 800, "", 0, 0), 1), bind(crowd(2, 200, "known", free()[0], 7), 1)...))
	if err != nil {
		t.Fatal(err)
	}
	if got := share(m, bind(crowd(3, 1000, "", 0, 0), 1)); got < 0.97 {
		t.Errorf("accepts %.3f of the living", got)
	}
	if got := share(m, bind(crowd(4, 1000, "new", a, 1.5), -1)); got > 0.05 {
		t.Errorf("accepts %.3f of what is odd in two values together", got)
	}
	if x := m.Checks[b]; x.Min > -3 || x.Max < 3 {
		t.Errorf("limits %g to %g would refuse it alone", x.Min, x.Max)
	}
}

// TestKinds: a known attack of which every value is usual, some of them a little less than most are; and
// one that is made of what living palms are, which is no kind and costs no living palm.
func TestKinds(t *testing.T) {
	pale := func(list []Presentation) []Presentation {
		for _, p := range list {
			moved := 0
			for i, c := range liveness.Checks {
				if c.Matter && moved < 8 {
					p.Values[i] -= 1.6
					moved++
				}
			}
		}
		return list
	}
	// Presentations of one person follow each other, so each sixth of the data has all.
	var data []Presentation
	for i := range uint64(6) {
		data = append(data, crowd(10+i, 150, "", 0, 0)...)
		data = append(data, pale(crowd(20+i, 40, "pale", 0, 0))...)
		data = append(data, crowd(30+i, 40, "replayed", 3, 9)...) // the code in infrared
	}
	data = append(data, crowd(40, 1, "rare", 0, 0)...) // too few to tell what it is like
	m, err := Model(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Kinds) != 1 || m.Kinds[0].Name != "pale" {
		t.Fatalf("%d kinds", len(m.Kinds))
	}
	living, attacks := crowd(1, 1000, "", 0, 0), pale(crowd(2, 1000, "pale", 0, 0))
	with, known := share(m, living), share(m, attacks)
	m.Kinds = nil
	without, unknown := share(m, living), share(m, attacks)
	if with < without-0.01 || known > 0.05 || unknown < 1.5*known {
		t.Errorf("accepts %.3f of the living and %.3f of the attacks, without the kind %.3f and %.3f", with, known, without, unknown)
	}
}

func TestRefuses(t *testing.T) {
	for name, data := range map[string][]Presentation{
		"nothing":    nil,
		"few living": append(crowd(1, 49, "", 0, 0), crowd(2, 50, "x", 5, 3)...),
		"no attacks": crowd(1, 60, "", 0, 0),
	} {
		if m, err := Model(data); err == nil || m != nil {
			t.Errorf("%s: %v", name, m)
		}
	}
	// What lacks a value is left out, and does not make the rest one.
	data := append(crowd(1, 60, "", 0, 0), crowd(2, 50, "x", free()[0], 4)...)
	broken := crowd(3, 3, "", 0, 0)
	broken[0].Values[free()[0]], broken[1].Values[free()[1]], broken[2].Values = math.NaN(), math.Inf(1), nil
	want, err := Model(data)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Model(append(data, broken...)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v", err)
	}
}

func TestWithout(t *testing.T) {
	data := append(crowd(1, 3, "", 0, 0), append(crowd(2, 2, "a", 0, 1), crowd(3, 4, "b", 0, 1)...)...)
	if got := Without(data, "a"); len(got) != 7 || len(data) != 9 {
		t.Errorf("%d of %d are left", len(got), len(data))
	}
}

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, liveness.Fitted, "palms of this test"); err != nil {
		t.Fatal(err)
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "fitted.go", b.Bytes(), 0); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"learnt from palms of this test.", "DO NOT EDIT", `Name: "water"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not written", want)
		}
	}
	if err := Write(full{}, liveness.Fitted, ""); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
