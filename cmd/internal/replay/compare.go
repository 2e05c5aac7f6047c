package replay

import (
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"

	"volar/sim"
)

// Severity is how bad a change is; the least is the worst.
type Severity int

// The severities.
const (
	Ended    Severity = iota // a tape no longer plays to its end, or has other waves
	Wrong                    // a decision was right and is wrong
	Decision                 // a decision is another one
	Stage                    // a stage decides otherwise, and the wave ends as before
	Cue                      // the person sees something else
	Moved                    // a number moved by more than its tolerance
	Pixels                   // what is sent has other bytes
)

var severityNames = []string{"broken", "wrong decision", "other decision", "other stage result", "other cues", "number moved", "other pixels"}

// String names the severity.
func (s Severity) String() string { return severityNames[s] }

// Change is one thing that is not as in the golden.
type Change struct {
	Severity Severity `json:"-"`
	How      string   `json:"severity"`
	Tape     string   `json:"tape"` // name
	Wave     int      `json:"wave,omitempty"`
	ID       int      `json:"id,omitempty"`
	Kind     sim.Kind `json:"kind,omitempty"`
	Note     string   `json:"note,omitempty"`
	Stage    string   `json:"stage,omitempty"`
	Burst    int      `json:"burst,omitempty"`
	Field    string   `json:"field,omitempty"` // of a number
	Was      string   `json:"was"`
	Is       string   `json:"is"`
	By       float64  `json:"by,omitempty"`    // of a number, in tolerances
	First    string   `json:"first,omitempty"` // of a decision: the first stage that changed, and how
}

// Compare lists what is not as in the golden, the worst first.
func Compare(g *Golden, r *Result, t Tolerances) []Change {
	c := comparing{tape: r.Name, tolerances: t, pixels: g.Arch == runtime.GOARCH}
	if g.Error != r.Error {
		c.add(Change{Severity: Ended, Was: whole(g.Error), Is: whole(r.Error)})
	}
	for i := range max(len(g.Waves), len(r.Waves)) {
		switch {
		case i >= len(r.Waves):
			c.wave = &g.Waves[i]
			if r.Error == "" { // else it is told already
				c.add(Change{Severity: Ended, Was: "a wave", Is: "none"})
			}
		case i >= len(g.Waves):
			c.wave = &r.Waves[i]
			if g.Error == "" {
				c.add(Change{Severity: Ended, Was: "no wave", Is: "one more"})
			}
		default:
			c.wave = &r.Waves[i]
			c.compare(&g.Waves[i], &r.Waves[i])
		}
	}
	slices.SortStableFunc(c.list, func(a, b Change) int { return int(a.Severity - b.Severity) })
	return c.list
}

func whole(err string) string {
	if err == "" {
		return "played to its end"
	}
	return err
}

type comparing struct {
	tape       string
	tolerances Tolerances
	pixels     bool
	wave       *Wave
	list       []Change
}

func (c *comparing) add(d Change) {
	d.Tape, d.How = c.tape, d.Severity.String()
	if w := c.wave; w != nil {
		d.Wave, d.ID, d.Kind, d.Note = w.Wave, w.ID, w.Kind, w.Note
	}
	c.list = append(c.list, d)
}

// compare compares one wave with what it was.
func (c *comparing) compare(was, is *Wave) {
	before := len(c.list)
	for _, p := range Pairs(was.Steps, is.Steps) {
		c.step(p)
	}
	if was.Outcome == is.Outcome && was.Verdict == is.Verdict {
		return
	}
	d := Change{Severity: Decision, Stage: StageDecision, Was: said(was), Is: said(is)}
	if is.Verdict == sim.Wrong && was.Verdict != sim.Wrong {
		d.Severity = Wrong
	}
	// What changed first is why; what follows from it is no news.
	first := slices.IndexFunc(c.list[before:], func(s Change) bool { return s.Severity == Stage })
	if first >= 0 {
		s := c.list[before+first]
		d.First = fmt.Sprintf("%s: %s -> %s", s.Stage, s.Was, s.Is)
		c.list = c.list[:before+first]
	}
	c.add(d)
}

func said(w *Wave) string {
	if w.Outcome == "" {
		return "nothing"
	}
	return w.Outcome
}

// key finds a step again: a stage has one of each burst, faults are counted.
type key struct {
	stage string
	burst int
	n     int
}

func index(list []Step) (keys []key, of map[key]*Step) {
	of = map[key]*Step{}
	for i := range list {
		k := key{list[i].Stage, list[i].Burst, 0}
		for of[k] != nil {
			k.n++
		}
		of[k] = &list[i]
		keys = append(keys, k)
	}
	return keys, of
}

// Pair is one step of a wave in two runs of it: nil where it was not reached.
type Pair struct {
	Stage   string
	Burst   int
	Was, Is *Step
}

// Differs tells whether the stage decided otherwise.
func (p Pair) Differs() bool { return p.Was.Said() != p.Is.Said() }

// Said is what the stage decided.
func (s *Step) Said() string {
	if s == nil {
		return "not reached"
	}
	return s.Is
}

// Both are the two, as columns of a table have them.
func (p Pair) Both() [2]*Step { return [2]*Step{p.Was, p.Is} }

// Moved tells whether both runs measured something, and not the same.
func (p Pair) Moved(field string) bool {
	return p.Was != nil && p.Is != nil && p.Was.Values[field] != p.Is.Values[field]
}

// Pairs sets the steps of a wave in two runs side by side, in the order of a wave.
func Pairs(was, is []Step) (list []Pair) {
	keys, before := index(was)
	more, now := index(is)
	for _, k := range more {
		if before[k] == nil {
			keys = append(keys, k)
		}
	}
	slices.SortStableFunc(keys, func(a, b key) int {
		if a.burst != b.burst && a.burst != 0 && b.burst != 0 {
			return a.burst - b.burst
		}
		return slices.Index(Stages, a.stage) - slices.Index(Stages, b.stage)
	})
	for _, k := range keys {
		list = append(list, Pair{k.stage, k.burst, before[k], now[k]})
	}
	return list
}

// Fields are the names of what was measured in either run.
func (p Pair) Fields() []string {
	var names []string
	for _, s := range []*Step{p.Was, p.Is} {
		if s != nil {
			names = slices.AppendSeq(names, maps.Keys(s.Values))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *comparing) step(p Pair) {
	d := Change{Severity: Stage, Stage: p.Stage, Burst: p.Burst, Was: p.Was.Said(), Is: p.Is.Said()}
	if p.Differs() {
		switch p.Stage {
		case StageFace:
			d.Severity = Cue
		case StageDecision, StageTruth:
			return // told as the wave's
		}
		c.add(d)
	}
	if p.Was == nil || p.Is == nil {
		return
	}
	for _, f := range p.Fields() {
		c.number(p, f)
	}
	if c.pixels && p.Was.Digest != p.Is.Digest {
		c.add(Change{Severity: Pixels, Stage: p.Stage, Burst: p.Burst, Was: p.Was.Digest, Is: p.Is.Digest})
	}
}

func (c *comparing) number(p Pair, field string) {
	l := c.tolerances.of(p.Stage, field)
	was, had := p.Was.Values[field]
	is, has := p.Is.Values[field]
	d := Change{Severity: Moved, Stage: p.Stage, Burst: p.Burst, Field: field, Was: text(was, had), Is: text(is, has)}
	switch {
	case had && has && l.holds(float64(was), float64(is)), had != has && l.Ignore:
		return
	case had && has:
		d.By = math.Abs(float64(is-was)) / max(l.Abs, l.Rel*math.Abs(float64(was)), 1e-12)
		d.By = math.Round(d.By*100) / 100
	}
	c.add(d)
}

func text(n Number, there bool) string {
	if !there {
		return "not measured"
	}
	b, _ := n.MarshalJSON()
	return string(b)
}

// Group is changes of one kind.
type Group struct {
	Severity Severity       `json:"-"`
	How      string         `json:"severity"`
	Title    string         `json:"title"`
	Count    int            `json:"count"` // waves
	Tapes    int            `json:"tapes"`
	Kinds    map[string]int `json:"kinds,omitempty"` // who came, how often
	Worst    Change         `json:"worst"`
	All      []Change       `json:"-"`
}

// Groups puts equal changes together, the worst first.
func Groups(changes []Change) []Group {
	of := map[string]*Group{}
	for _, c := range changes {
		title := c.title()
		g := of[title]
		if g == nil {
			g = &Group{Severity: c.Severity, How: c.How, Title: title, Worst: c, Kinds: map[string]int{}}
			of[title] = g
		}
		if c.By > g.Worst.By {
			g.Worst = c
		}
		g.All = append(g.All, c)
	}
	var list []Group
	for _, g := range of {
		tapes, waves := map[string]bool{}, map[string]bool{}
		for _, c := range g.All {
			tapes[c.Tape] = true
			wave := fmt.Sprintf("%s#%d", c.Tape, c.Wave)
			if c.Kind != "" && !waves[wave] {
				g.Kinds[string(c.Kind)]++
			}
			waves[wave] = true
		}
		g.Tapes, g.Count = len(tapes), len(waves)
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b Group) int {
		if a.Severity != b.Severity {
			return int(a.Severity - b.Severity)
		}
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Title, b.Title)
	})
	return list
}

// title is what a change has in common with others of its kind.
func (c *Change) title() string {
	switch c.Severity {
	case Ended:
		if c.Wave > 0 {
			return fmt.Sprintf("waves: %s -> %s", c.Was, c.Is)
		}
		return fmt.Sprintf("%s -> %s", c.Was, c.Is)
	case Wrong, Decision:
		who := string(c.Kind)
		if who == "" {
			who = "somebody"
		}
		if c.First != "" {
			return fmt.Sprintf("%s: %s -> %s, since %s", who, c.Was, c.Is, c.First)
		}
		return fmt.Sprintf("%s: %s -> %s", who, c.Was, c.Is)
	case Cue:
		return "the face shows other cues"
	case Moved:
		return c.Stage + "." + c.Field
	case Pixels:
		return c.Stage + ": other pixels"
	}
	return fmt.Sprintf("%s: %s -> %s", c.Stage, c.Was, c.Is)
}
