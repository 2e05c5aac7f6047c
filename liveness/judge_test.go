package liveness_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"volar/liveness"
	"volar/liveness/living"
	"volar/wire"
)

func nonce(i int) (n wire.Nonce) {
	binary.LittleEndian.PutUint64(n[:], uint64(i)+1)
	return n
}

func judge(s *wire.Sample) liveness.Verdict { return liveness.Judge(liveness.Fitted, liveness.Of(s)) }

func TestLiving(t *testing.T) {
	for i := range 20 {
		s := living.Sample(nonce(i), wire.Left, uint64(i%5), uint64(i))
		v := judge(&s)
		if !v.Live() || v.Failed() != nil || len(v.Results) != len(liveness.Checks) {
			t.Errorf("palm %d: score %.2f, failed %v", i, v.Score, v.Failed())
			for _, r := range v.Results {
				t.Logf("%-28s %8.3f, %8.3f to %8.3f, score %7.3f, %v", r.Name, r.Value, r.Min, r.Max, r.Score, r.Err)
			}
		}
	}
}

// scaled multiplies a plane.
func scaled(s *wire.Sample, plane int, by float64) {
	for i, v := range s.Proof.Plane(plane) {
		s.Proof.Plane(plane)[i] = uint16(float64(v) * by)
	}
}

// bleed takes two thirds of the blood out of planes of red and green, and with it two thirds of what red and green differ by from place to place.
func bleed(s *wire.Sample, red, green int) {
	for i, g := range s.Proof.Plane(green) {
		ratio := math.Log(float64(s.Proof.Plane(red)[i]) / float64(g))
		s.Proof.Plane(green)[i] = uint16(1.32 * float64(g))
		s.Proof.Plane(red)[i] = uint16(1.32 * float64(g) * math.Exp(0.32+(ratio-0.59)/3))
	}
}

// chequered makes every other cell of a plane so many times darker.
func chequered(s *wire.Sample, plane int, by uint16) {
	for i := range s.Proof.Plane(plane) {
		if (i+i/wire.Cells)%2 == 0 {
			s.Proof.Plane(plane)[i] /= by
		}
	}
}

// TestChecks takes from a living palm what each check looks for.
func TestChecks(t *testing.T) {
	grey := func(s *wire.Sample) {
		for i, v := range s.Views[1].Pix {
			copy(s.Views[0].Pix[3*i:], []byte{v, v, v})
		}
	}
	for _, c := range []struct {
		name  string
		check string
		spoil func(*wire.Sample)
	}{
		{"a screen that shines by itself", "lamps answer", func(s *wire.Sample) { s.Proof.Levels[0] = 5200 }},
		{"the sun", "lamps answer", func(s *wire.Sample) { s.Proof.Levels[4] = 6500 }},
		{"no white lamp", "lamps answer", func(s *wire.Sample) { s.Proof.Levels[1] = s.Proof.Levels[0] }},
		{"colour frames that answer to 850 nm", "no infrared in colour", func(s *wire.Sample) { s.Proof.Levels[2] = 3000 }},
		{"infrared frames that answer to white", "no white in infrared", func(s *wire.Sample) { s.Proof.Levels[5] = 4000 }},
		{"flashes in another order", "code in infrared", func(s *wire.Sample) {
			a, b := s.Proof.Plane(wire.PlaneNIRFlash), s.Proof.Plane(wire.PlaneNIRFlash+1)
			for i := range a {
				a[i], b[i] = b[i], a[i]
			}
		}},
		{"a flash at another strength", "code in infrared", func(s *wire.Sample) { scaled(s, wire.PlaneNIRFlash+2, 0.67) }},
		{"a flash at another strength in colour", "code in colour", func(s *wire.Sample) { scaled(s, wire.PlaneRGBFlash+5, 0.67) }},
		{"a flash twice as bright", "code in infrared", func(s *wire.Sample) { scaled(s, wire.PlaneNIRFlash+1, 2) }},
		{"a flash twice as bright in colour", "code in colour", func(s *wire.Sample) { scaled(s, wire.PlaneRGBFlash+3, 2) }},
		{"lamps that do not add up", "corners add up in infrared", func(s *wire.Sample) { scaled(s, wire.PlaneNIRFlash+1, 2) }},
		{"lamps that do not add up in colour", "corners add up in colour", func(s *wire.Sample) { scaled(s, wire.PlaneRGBFlash+3, 3) }},
		{"too bright to be skin", "reflectance at 850", func(s *wire.Sample) {
			for p := wire.Plane850; p < wire.PlaneWhite; p++ {
				scaled(s, p, 1.8)
			}
		}},
		{"no water", "water", func(s *wire.Sample) { scaled(s, wire.Plane940, 1.14) }},
		{"no blood", "blood", func(s *wire.Sample) { scaled(s, wire.PlaneWhite, 0.3) }},
		{"blood that has lost its oxygen", "blood that flows", func(s *wire.Sample) {
			scaled(s, wire.PlaneWhite, 0.88)
			scaled(s, wire.PlaneWhite+2, 1.2)
		}},
		{"paler than skin", "melanin", func(s *wire.Sample) {
			for p := wire.PlaneWhite; p < wire.PlaneCount; p++ {
				scaled(s, p, 4.5)
			}
		}},
		{"paint of one colour", "blotches of blood", func(s *wire.Sample) {
			for i, green := range s.Proof.Plane(wire.PlaneWhite + 1) {
				s.Proof.Plane(wire.PlaneWhite)[i], s.Proof.Plane(wire.PlaneWhite + 2)[i] = 2*green, green/2
			}
		}},
		{"blue and yellow in turn", "blotches of pigment", func(s *wire.Sample) { chequered(s, wire.PlaneWhite+2, 16) }},
		{"dark and bright in turn", "blotches in infrared", func(s *wire.Sample) { chequered(s, wire.Plane850, 4) }},
		{"a third of its blood", "unlike bloodless", func(s *wire.Sample) {
			bleed(s, wire.PlaneWhite, wire.PlaneWhite+1)
			for k := range wire.FlashCount {
				bleed(s, wire.PlaneRGBFlash+2*k, wire.PlaneRGBFlash+2*k+1)
			}
			scaled(s, wire.PlaneWhite+2, 1.36)
		}},
		{"two palms in turn", "850 like 940", func(s *wire.Sample) {
			other := living.Sample(s.Nonce, wire.Left, 99, 1)
			copy(s.Proof.NIR940, other.Proof.NIR940)
		}},
		{"one picture in both bands", "two pictures", grey},
		{"toner", "translucency", func(s *wire.Sample) {
			for i, v := range s.Views[1].Pix {
				g := 185 + (int(v)-185)/3
				copy(s.Views[0].Pix[3*i:], []byte{byte(g), byte(g), byte(g)})
			}
		}},
		{"no veins", "veins", grey},
		{"flat", "relief", func(s *wire.Sample) { s.Proof.Relief = [wire.Reliefs]int8{} }},
		{"depth unknown", "relief?", func(s *wire.Sample) {
			for i := range s.Proof.Relief {
				s.Proof.Relief[i] = wire.NoRelief
			}
		}},
		{"bent one way", "relief is no cylinder", func(s *wire.Sample) {
			for i := range s.Proof.Relief {
				x := float64(i%4) - 1.5
				s.Proof.Relief[i] = int8(10 * (x*x - 1.25))
			}
		}},
		{"a frame that stands still", "motion", func(s *wire.Sample) {
			for i := range s.Proof.Track {
				s.Proof.Track[i].X, s.Proof.Track[i].Y = 0, 0
			}
		}},
	} {
		s := living.Sample(nonce(7), wire.Left, 3, 1)
		c.spoil(&s)
		v := judge(&s)
		if v.Live() || !slices.Contains(v.Failed(), c.check) {
			t.Errorf("%s: score %.2f, failed %v, want %s among them", c.name, v.Score, v.Failed(), c.check)
		}
	}
}

// TestInjected gives burst after burst, each good for its own nonce, to other nonces.
func TestInjected(t *testing.T) {
	for i := range 300 {
		s := living.Sample(nonce(i%10), wire.Left, 1, uint64(i%10))
		s.Nonce = nonce(1000 + i)
		if v := judge(&s); v.Live() {
			t.Errorf("burst %d answers another nonce: score %.2f", i, v.Score)
		}
	}
}

// TestNearestCode changes one property of one flash of the code that was
// answered: the least that a replay can be off by.
func TestNearestCode(t *testing.T) {
	found := 0
	answered := wire.Flashes(nonce(1))
	for i := 2; found < 12 && i < 2000000; i++ {
		asked, differ := wire.Flashes(nonce(i)), 0
		for k := range asked {
			a, b := asked[k], answered[k]
			if a != b {
				differ++
			}
			if a.At940 != b.At940 { // shares of light are alike in both; levels before calibration are not
				differ = 9
			}
		}
		if differ != 1 {
			continue
		}
		found++
		s := living.Sample(nonce(1), wire.Left, 1, 1)
		s.Nonce = nonce(i)
		if v := judge(&s); v.Live() {
			t.Errorf("code %v passes for %v: score %.2f", answered, asked, v.Score)
		}
	}
	if found < 12 {
		t.Errorf("%d codes that differ in one flash", found)
	}
}

// TestNothingRefuses holds everything that did not run against passing.
func TestNothingRefuses(t *testing.T) {
	good := living.Sample(nonce(1), wire.Left, 1, 1)
	if (liveness.Verdict{}).Live() || (liveness.Result{}).Pass() || (liveness.Verdict{Score: 1}).Live() {
		t.Error("what was not checked is alive")
	}
	passed := []liveness.Result{{Name: "one", Ran: true, Max: 1}}
	if (liveness.Verdict{Results: passed, Score: -0.01}).Live() || !(liveness.Verdict{Results: passed}).Live() {
		t.Error("what all checks come to does not count")
	}
	if (liveness.Verdict{Results: passed, Known: []liveness.Result{{Name: "unlike one", Ran: true, Min: 1, Max: 2}}}).Live() {
		t.Error("what is like a known attack is alive")
	}
	fewer := *liveness.Fitted
	fewer.Checks = fewer.Checks[1:]
	other := *liveness.Fitted
	other.Checks = slices.Clone(other.Checks)
	other.Checks[3].Name = "another"
	unsurprised := *liveness.Fitted
	unsurprised.Surprises = nil
	halfSurprised := *liveness.Fitted
	halfSurprised.Surprises = slices.Clone(halfSurprised.Surprises)
	halfSurprised.Surprises[len(liveness.Checks)-2].Weights = []float64{1}
	noLiving := *liveness.Fitted
	noLiving.Living = liveness.Normal{}
	halfKind := *liveness.Fitted
	halfKind.Kinds = slices.Clone(halfKind.Kinds)
	halfKind.Kinds[1].Inverse = slices.Clone(halfKind.Kinds[1].Inverse)
	halfKind.Kinds[1].Inverse[5] = halfKind.Kinds[1].Inverse[5][1:]
	for name, m := range map[string]*liveness.Model{"none": nil, "living like nothing": &noLiving, "a kind of fewer values": &halfKind, "zero": {}, "fewer checks": &fewer, "other checks": &other,
		"no surprises": &unsurprised, "a surprise about fewer checks": &halfSurprised} {
		if liveness.Judge(m, liveness.Of(&good)).Live() {
			t.Errorf("model %s: alive", name)
		}
	}
	for name, spoil := range map[string]func(*wire.Sample){
		"zero":              func(s *wire.Sample) { *s = wire.Sample{} },
		"no colour":         func(s *wire.Sample) { s.Views = s.Views[1:] },
		"no infrared":       func(s *wire.Sample) { s.Views = s.Views[:1] },
		"short crop":        func(s *wire.Sample) { s.Views[1].Pix = s.Views[1].Pix[1:] },
		"short mask":        func(s *wire.Sample) { s.Views[0].Mask = s.Views[0].Mask[1:] },
		"no proof":          func(s *wire.Sample) { s.Proof = wire.Proof{} },
		"no 940 nm":         func(s *wire.Sample) { s.Proof.NIR940 = nil },
		"short planes":      func(s *wire.Sample) { s.Proof.Planes = s.Proof.Planes[1:] },
		"empty planes":      func(s *wire.Sample) { clear(s.Proof.Planes) },
		"burnt planes":      func(s *wire.Sample) { copy(s.Proof.Planes, bytesOf(math.MaxUint16, 256)) },
		"no nonce":          func(s *wire.Sample) { s.Nonce = wire.Nonce{} },
		"no skin":           func(s *wire.Sample) { clear(s.Views[0].Mask) },
		"little skin":       func(s *wire.Sample) { clear(s.Views[1].Mask[30:]) },
		"lamps in a place":  func(s *wire.Sample) { s.Proof.Lamps = [3][4][2]int16{} },
		"left lamps right":  func(s *wire.Sample) { a := &s.Proof.Lamps[1]; a[0], a[1] = a[1], a[0] },
		"no place":          func(s *wire.Sample) { s.Proof.Place = [3][3]int16{} },
		"place is edge on":  func(s *wire.Sample) { s.Proof.Place[2] = [3]int16{-175, -300, 1500} },
		"time stands still": func(s *wire.Sample) { s.Proof.Track[3].After = s.Proof.Track[2].After },
		"seconds between":   func(s *wire.Sample) { s.Proof.Track[4].After = 20000 },
	} {
		s := living.Sample(nonce(1), wire.Left, 1, 1)
		spoil(&s)
		v := judge(&s)
		if v.Live() || len(v.Results) != len(liveness.Checks) {
			t.Errorf("%s: alive", name)
		}
		for _, f := range v.Failed() {
			if !strings.HasSuffix(f, "?") {
				t.Errorf("%s: %s ran", name, f)
			}
		}
	}
	black := living.Sample(nonce(1), wire.Left, 1, 1)
	for _, v := range black.Views {
		clear(v.Pix)
	}
	if judge(&black).Live() {
		t.Error("black crops are alive")
	}
}

func bytesOf(v uint16, n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestModelIsWhole keeps a check from passing whatever it measures.
func TestModelIsWhole(t *testing.T) {
	names := map[string]bool{}
	for i, l := range liveness.Fitted.Checks {
		if l.Name != liveness.Checks[i].Name || names[l.Name] {
			t.Errorf("check %d is %q, and the model's %q", i, liveness.Checks[i].Name, l.Name)
		}
		names[l.Name] = true
		if !(l.Min <= l.Low && l.Low <= l.Middle && l.Middle < l.High && l.High < l.Max && l.Less >= 0 && l.More >= 0 && l.Width > 0 && l.Below > 0 && l.Above > 0) || math.IsInf(l.Max-l.Min, 0) {
			t.Errorf("%+v", l)
		}
	}
	for i, s := range liveness.Fitted.Surprises {
		if free := liveness.Checks[i].Given == nil && !liveness.Checks[i].Error; free != (s.Weights != nil) || free && s.Weights[i] != 1 {
			t.Errorf("check %d: surprise by %v", i, s.Weights)
		}
		if !(s.Low <= 0 && s.Middle == 0 && s.High >= 0 && s.Width > 0 && s.Less >= 0 && s.More >= 0 && s.Below > 0 && s.Above > 0) {
			t.Errorf("%+v", s)
		}
	}
	if len(names) != len(liveness.Checks) || !(liveness.Fitted.Bias > 0) {
		t.Errorf("%d checks, bias %g", len(names), liveness.Fitted.Bias)
	}
}

// TestScoreFalls: the farther a value is from living ones, the less the score.
func TestScoreFalls(t *testing.T) {
	m := liveness.Fitted
	for i, l := range m.Checks {
		values := make([]float64, len(m.Checks))
		for k := range values {
			values[k] = m.Checks[k].Middle
		}
		if m.Sum(values) != 0 {
			t.Fatal("the middle has a score")
		}
		last := 0.0
		for step := range 10 {
			values[i] = l.High + float64(step+1)*l.Width
			above := m.Sum(values)
			values[i] = l.Low - float64(step+1)*l.Width
			if below := m.Sum(values); !(above < 0 && below < 0 && above+below < last) {
				t.Errorf("%s: %g and %g after %g", l.Name, below, above, last)
			}
			last = m.Sum(values)
		}
	}
}

// TestJudgeLeavesTheEvidence is about the caller's sample: it is not changed.
func TestJudgeLeavesTheEvidence(t *testing.T) {
	s, want := living.Sample(nonce(1), wire.Left, 1, 1), living.Sample(nonce(1), wire.Left, 1, 1)
	judge(&s)
	a, err := wire.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := wire.Encode(want)
	if err != nil || !bytes.Equal(a, b) {
		t.Error("the evidence was changed")
	}
}

func BenchmarkJudge(b *testing.B) {
	s := living.Sample(nonce(1), wire.Left, 1, 1)
	for b.Loop() {
		judge(&s)
	}
}
