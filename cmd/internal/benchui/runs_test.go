package benchui

import (
	"slices"
	"strings"
	"testing"
)

const before = `{"group":{"title":"x"}}
{"tape":{"name":"a"}}
{"wave":{"tape":"a","wave":1,"purpose":"identify","outcome":"accepted","bursts":1,"steps":[{"stage":"vision","burst":1,"is":"left","values":{"tilt":3.5}}]}}
{"wave":{"tape":"a","wave":2,"purpose":"identify","outcome":"refused","bursts":1,"steps":[]}}
{"sum":{"waves":2}}
`

func TestCompare(t *testing.T) {
	a, err := readPass(strings.NewReader(before))
	if err != nil {
		t.Fatal(err)
	}
	b, err := readPass(strings.NewReader(strings.NewReplacer("3.5", "4.5", `"wave":2`, `"wave":3`).Replace(before)))
	if err != nil {
		t.Fatal(err)
	}
	if same := compare(a, a); len(same) != 2 || same[0].Differs || same[1].Differs {
		t.Errorf("a run differs from itself: %+v", same)
	}
	got := compare(a, b)
	if len(got) != 3 || !got[0].Differs || !got[1].Differs || !got[2].Differs {
		t.Fatalf("%+v", got)
	}
	var cells []string
	for _, c := range got[0].Cells {
		if c.Differs {
			cells = append(cells, c.What+" "+c.A+" "+c.B)
		}
	}
	if len(cells) != 1 || cells[0] != "vision 1, tilt 3.5 4.5" {
		t.Errorf("differing cells %q", cells)
	}
}

// A stage that one run did not reach is one line, and moves no other.
func TestCompareNotReached(t *testing.T) {
	const wave = `{"wave":{"tape":"a","wave":1,"outcome":"x","steps":[STEPS{"stage":"decision","is":"x","values":{"ms":1}}]}}` + "\n"
	var runs [2]*pass
	for i, steps := range []string{`{"stage":"liveness","burst":1,"is":"pass","values":{"veins":2}},`, ""} {
		var err error
		if runs[i], err = readPass(strings.NewReader(strings.Replace(wave, "STEPS", steps, 1))); err != nil {
			t.Fatal(err)
		}
	}
	var got []cell
	for _, c := range compare(runs[0], runs[1])[0].Cells {
		if c.Differs {
			got = append(got, c)
		}
	}
	if want := []cell{{"liveness 1", "pass", "not reached", true}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestReadPassRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no wave": `{"sum":{}}`, "no JSON": "tape", "twice": before + before, "long line": `{"wave":"` + strings.Repeat("x", maxRunLine) + `"}`,
	} {
		if _, err := readPass(strings.NewReader(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzReadPass(f *testing.F) {
	f.Add(before)
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := readPass(strings.NewReader(text)); err == nil {
			compare(p, p)
		}
	})
}
