package replay

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"volar/sim"
)

func sample() *Golden {
	return &Golden{Name: "t", SHA256: "ab", Arch: "amd64", Waves: []Wave{
		{Wave: 1, ID: 1, Purpose: "identify", Person: "1", Kind: sim.Genuine, Hand: "left", Outcome: "accepted", Verdict: sim.Right, Bursts: 1, Steps: []Step{
			{Stage: StageQuality, Burst: 1, Is: "pass", Values: map[string]Number{"focus": 0.25, "distance": 80}},
			{Stage: StageSeal, Burst: 1, Is: "left", Digest: "00ff"},
			{Stage: StageDecision, Is: "accepted", Values: map[string]Number{"ms": 700}},
		}},
		{Wave: 2, ID: 2, Purpose: "identify", Kind: sim.PrintLaser, Outcome: "not live", Verdict: sim.Right, Bursts: 3},
	}}
}

func TestGoldenRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		t.Fatal(err)
	}
	g, err := ReadGolden(&b)
	if err != nil || !reflect.DeepEqual(g, sample()) {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestGoldenRefused(t *testing.T) {
	head := `{"golden":1,"tape":"t","sha256":"","arch":"amd64"}` + "\n"
	for name, text := range map[string]string{
		"empty":          "",
		"no head":        `{"wave":1}`,
		"unknown field":  head + `{"wave":1,"purpose":"identify","outcome":"","bursts":0,"more":1}`,
		"no wave":        head + `{"of":1,"stage":"guide","is":""}`,
		"another wave":   head + `{"wave":1,"purpose":"identify","outcome":"","bursts":0}` + "\n" + `{"of":2,"stage":"guide","is":""}`,
		"two values":     head + `{"wave":1,"purpose":"identify","outcome":"","bursts":0} {}`,
		"a line so long": head + `{"wave":1,"purpose":"` + strings.Repeat("x", maxGoldenLine) + `"}`,
	} {
		if g, err := ReadGolden(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if _, err := ReadGolden(strings.NewReader(`{"golden":7}`)); !errors.Is(err, ErrGoldenVersion) {
		t.Errorf("another version: %v", err)
	}
}

// A golden that is too long is refused, though each line of it is good.
func TestGoldenIsBounded(t *testing.T) {
	head := `{"golden":1,"tape":"t","sha256":"","arch":"amd64"}` + "\n"
	line := `{"wave":1,"purpose":"` + strings.Repeat("x", maxGoldenLine/2) + `","outcome":"","bursts":0}` + "\n"
	if _, err := ReadGolden(strings.NewReader(head + strings.Repeat(line, maxGolden/len(line)+1))); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("more than is allowed: %v", err)
	}
}

// What is read is written as what is read for the same.
func FuzzReadGolden(f *testing.F) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ReadGolden(bytes.NewReader(b))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := g.Write(&once); err != nil {
			t.Fatal(err)
		}
		again, err := ReadGolden(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatalf("%q is written as %q: %v", b, once.Bytes(), err)
		}
		if err := again.Write(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("%q has two forms, %q and %q: %v", b, once.Bytes(), twice.Bytes(), err)
		}
	})
}

// What changed is told once, by its severity, and what follows from it is not.
func TestCompare(t *testing.T) {
	tolerances, err := LoadTolerances(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Result)
		want   []string // severity and title
	}{
		{"nothing", func(*Result) {}, nil},
		{"within its tolerance", func(r *Result) { r.Waves[0].Steps[0].Values["focus"] = 0.2549 }, nil},
		{"beyond it", func(r *Result) { r.Waves[0].Steps[0].Values["focus"] = 0.2551 }, []string{"number moved: quality.focus"}},
		{"pixels", func(r *Result) { r.Waves[0].Steps[1].Digest = "00fe" }, []string{"other pixels: seal: other pixels"}},
		{"a measure is gone", func(r *Result) { delete(r.Waves[0].Steps[0].Values, "distance") }, []string{"number moved: quality.distance"}},
		{"a stage", func(r *Result) { r.Waves[0].Steps[0].Is = "fail: focus" }, []string{"other stage result: quality: pass -> fail: focus"}},
		{"a decision, since a stage", func(r *Result) {
			w := &r.Waves[0]
			w.Steps[0].Is, w.Outcome, w.Verdict = "fail: focus", "unusable", ""
			w.Steps = w.Steps[:1]
		}, []string{"other decision: genuine: accepted -> unusable, since quality: pass -> fail: focus"}},
		{"an attack comes in", func(r *Result) { r.Waves[1].Outcome, r.Waves[1].Verdict = "accepted", sim.Wrong },
			[]string{"wrong decision: print-laser: not live -> accepted"}},
		{"a wave is missing", func(r *Result) { r.Waves = r.Waves[:1] }, []string{"broken: waves: a wave -> none"}},
		{"the firmware ends", func(r *Result) { r.Error, r.Waves = "panic", r.Waves[:1] }, []string{"broken: played to its end -> panic"}},
	} {
		g := sample()
		r := &Result{Name: "t", Waves: sample().Waves}
		c.change(r)
		var got []string
		for _, k := range Compare(g, r, tolerances) {
			got = append(got, k.How+": "+k.title())
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The worst group comes first, then the largest.
func TestGroups(t *testing.T) {
	list := Groups([]Change{
		{Severity: Moved, Tape: "a", Wave: 1, Stage: "quality", Field: "focus", By: 2},
		{Severity: Moved, Tape: "b", Wave: 2, Stage: "quality", Field: "focus", By: 9},
		{Severity: Stage, Tape: "a", Wave: 3, Stage: "guide", Was: "steady", Is: "fail"},
		{Severity: Wrong, Tape: "a", Wave: 4, Kind: sim.ScreenKind, Was: "not live", Is: "accepted"},
		{Severity: Moved, Tape: "a", Wave: 1, Stage: "guide", Field: "ms", By: 1},
	})
	var got []string
	for _, g := range list {
		got = append(got, g.Title)
	}
	want := []string{"screen: not live -> accepted", "guide: steady -> fail", "quality.focus", "guide.ms"}
	if !reflect.DeepEqual(got, want) || list[2].Count != 2 || list[2].Tapes != 2 || list[2].Worst.Tape != "b" {
		t.Errorf("%q, want %q; %+v", got, want, list[2])
	}
}

func TestTolerances(t *testing.T) {
	for text, want := range map[string]string{
		"[default]\nabs = -1":            "allowed 0 and up",
		"[default]\nabs = 1\nother = 2":  "unknown key default.other",
		"[\"qualty.focus\"]\nabs = 1":    "is no field",
		"[\"quality.focus\"]\nrel = nan": "allowed 0 and up",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, toleranceFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadTolerances(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
