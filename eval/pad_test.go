package eval

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"volar/liveness"
	"volar/liveness/fit"
)

// padPeople are presentations whose checks' values are normal about 0, but
// for one check in which an attack lies off.
func padPeople(seed uint64, n int) (out []Presentation) {
	rng := rand.New(rand.NewPCG(seed, 1))
	values := func(check int, off float64) []float64 {
		v := make([]float64, len(liveness.Checks))
		for i, c := range liveness.Checks {
			v[i] = 0.5 + 0.01*rng.NormFloat64()
			if c.Given != nil {
				v[i] = (c.Given.Low + c.Given.High) / 2
			}
		}
		v[check] += 0.01 * off
		return v
	}
	for range 4 * n {
		out = append(out, Presentation{Traits: []string{"cold"}, Values: values(0, 0)})
	}
	for range n {
		out = append(out,
			Presentation{Species: "paper", Values: values(1, 30), Matched: true},
			Presentation{Species: "twin", Values: values(2, 0), Matched: true},
			Presentation{Species: "screen", Refused: "no hand in view"},
			Presentation{Species: "broken", Values: nil})
	}
	return out
}

var padKinds = []Instruments{{"paper", "a print"}, {"twin", "what cannot be told"}, {"screen", "a screen"}, {"broken", "without evidence"}}

func padReport(t *testing.T) *PADReport {
	t.Helper()
	learnt := padPeople(1, 90)
	m, err := fit.Model(fit.Without(FitData(learnt), "twin"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewPADReport(padKinds, padPeople(2, 300), learnt, m, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPADReport(t *testing.T) {
	r := padReport(t)
	paper, twin, screen, broken := r.named("paper"), r.named("twin"), r.named("screen"), r.named("broken")
	if paper.Presented != 300 || paper.Judged != 300 || paper.Accepted != 0 || paper.IAPAR != 0 || paper.Matched != 300 {
		t.Errorf("paper: %+v", paper)
	}
	// 0 of 300 supports 1.22 % at 95 %, two-sided: 1 - 0.025^(1/300).
	if want := 1 - math.Pow(0.025, 1.0/300); math.Abs(paper.APCERBounds[1]-want) > 1e-9 {
		t.Errorf("bound %.5f, want %.5f", paper.APCERBounds[1], want)
	}
	if twin.APCER < 0.5 || twin.Impostor != twin.Accepted || r.WorstKnown != "twin" || r.WorstLeftOut != "twin" {
		t.Errorf("what cannot be told from a palm is accepted in %.2f; worst is %s, %s", twin.APCER, r.WorstKnown, r.WorstLeftOut)
	}
	if screen.Silent != 300 || screen.APNRR != 1 || screen.Judged != 0 || screen.Reasons["no hand in view"] != 300 || screen.APCERBounds[1] != 1 {
		t.Errorf("a non-response counts as an answer: %+v", screen)
	}
	if broken.Accepted != 0 || broken.Judged != 300 {
		t.Errorf("what could not be measured is accepted: %+v", broken)
	}
	all := r.Living[0]
	if all.Presented != 1200 || all.Judged != 1200 || all.BPCER > 0.04 || len(r.Living) != 2 || r.Living[1].Group != "cold" {
		t.Errorf("living: %+v", r.Living)
	}
	if len(paper.Refusers) == 0 || paper.Refusers[0].Check != liveness.Checks[1].Name {
		t.Errorf("paper is refused by %v", paper.Refusers)
	}
}

func TestPADReportRefuses(t *testing.T) {
	learnt := padPeople(1, 60)
	for name, list := range map[string][]Presentation{"no attack": learnt[:200], "nobody": nil} {
		if _, err := NewPADReport(padKinds, list, learnt, liveness.Fitted, time.Now()); err == nil {
			t.Errorf("%s: reported", name)
		}
	}
}

func TestPADReportIsWritten(t *testing.T) {
	r := padReport(t)
	var page, text, machine bytes.Buffer
	for _, err := range []error{r.WriteHTML(&page), r.WriteText(&text), r.WriteJSON(&machine)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"<svg", "synthetic", "Worst species, left out", "none judged", "ISO/IEC 30107-3", "no hand in view"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if !strings.Contains(text.String(), "synthetic") || !strings.Contains(text.String(), "twin") {
		t.Error("the table does not name the worst, or what it is of")
	}
	var back PADReport
	if err := json.Unmarshal(machine.Bytes(), &back); err != nil || len(back.Species) != 4 || !back.Synthetic {
		t.Errorf("JSON: %v, %d species", err, len(back.Species))
	}
	if strings.Contains(strings.ToLower(page.String()+machine.String()), "\"acer\"") {
		t.Error("ACER is reported")
	}
}

func TestPADReportRenews(t *testing.T) {
	r := padReport(t)
	got, err := r.Renew([]byte("# title\n" + padBegins + "yesterday\n" + padEnds + "end\n"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	if !strings.HasPrefix(text, "# title\n") || !strings.HasSuffix(text, "end\n") || strings.Contains(text, "yesterday") || !strings.Contains(text, "| twin | 300 |") {
		t.Errorf("renewed to\n%s", text)
	}
	if again, err := r.Renew(got); err != nil || string(again) != text {
		t.Errorf("a second time it changes (%v)", err)
	}
	if _, err := r.Renew([]byte("no marks")); err == nil {
		t.Error("a text without marks was renewed")
	}
}
