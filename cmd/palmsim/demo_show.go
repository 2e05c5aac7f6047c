package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"volar/cmd/internal/stack"
	"volar/firmware"
	"volar/sim"
)

// demoSummary is the closing table.
type demoSummary struct {
	People      int                   `json:"people"`
	Seed        uint64                `json:"seed"`
	Notice      string                `json:"notice"` // what the attestation does not prove
	Measurement string                `json:"measurement"`
	Waves       int                   `json:"waves"`
	Again       int                   `json:"again"` // waves that asked for another try
	Right       int                   `json:"right"`
	Wrong       int                   `json:"wrong"`
	Undecided   int                   `json:"undecided"`
	Kinds       map[string]*demoCount `json:"kinds"`
	Stages      map[string]demoTimes  `json:"stages"`
	Bytes       uint64                `json:"bytes_sent"`
	Faults      []string              `json:"faults,omitempty"`
	took        map[string][]time.Duration
}

// demoCount is how presentations of one kind ended.
type demoCount struct {
	Presented int `json:"presented"`
	Right     int `json:"right"`
	Wrong     int `json:"wrong"`
	Undecided int `json:"undecided"`
	Again     int `json:"again"`
}

// demoTimes are the latencies of a stage.
type demoTimes struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P95   time.Duration `json:"p95_ns"`
}

// demoShow prints a demonstration while it goes on.
type demoShow struct {
	out    io.Writer
	json   bool
	script []sim.Presentation
	done   int // presentations
	sum    demoSummary
}

func newDemoShow(d *demo, script []sim.Presentation, s *stack.Stack) *demoShow {
	return &demoShow{out: d.out, json: d.json, script: script, sum: demoSummary{
		People: d.people, Seed: d.seed, Notice: s.Notice, Measurement: s.Measurement,
		Kinds: map[string]*demoCount{}, Stages: map[string]demoTimes{}, took: map[string][]time.Duration{},
	}}
}

func (s *demoShow) opening() {
	if s.json {
		return
	}
	fmt.Fprintf(s.out, "vault %.16s…  %s\n", s.sum.Measurement, s.sum.Notice)
	fmt.Fprintf(s.out, "%d people, seed %d, %d presentations\n\n", s.sum.People, s.sum.Seed, len(s.script))
	fmt.Fprintf(s.out, "%5s  %-9s %-12s %-8s %-6s %-10s %6s  %s\n", "wave", "purpose", "who", "pose", "hand", "outcome", "took", "why")
}

// heard takes in one line of palmd.
func (s *demoShow) heard(l deviceLine) {
	if l.Result != nil {
		s.result(*l.Result)
		return
	}
	switch l.Kind {
	case firmware.KindStage:
		s.sum.took[l.Stage] = append(s.sum.took[l.Stage], l.Took)
	case firmware.KindFault:
		s.sum.Faults = append(s.sum.Faults, l.Error)
	case firmware.KindDecision:
		s.wave(l.Trace)
	}
}

func (s *demoShow) wave(t firmware.Trace) {
	s.sum.Waves++
	if s.json || s.done >= len(s.script) {
		return
	}
	p := &s.script[s.done]
	how := p.Pose
	switch {
	case p.Flaw != "":
		how = p.Flaw
	case p.Condition != "":
		how = p.Condition
	case how == "":
		how = "guided"
	}
	fmt.Fprintf(s.out, "%5d  %-9s %-12s %-8s %-6s %-10s %5dms  %s\n", t.Wave, p.Purpose, who(p), how, t.Hand, t.Outcome,
		t.Took.Milliseconds(), list(t.Why))
}

func who(p *sim.Presentation) string {
	if p.Kind == sim.Genuine {
		return fmt.Sprintf("person %d", p.Person)
	}
	return string(p.Kind)
}

func list(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += ", "
		}
		text += w
	}
	return text
}

func (s *demoShow) result(r sim.Result) {
	s.done++
	name := string(r.Kind)
	if r.Kind == sim.Genuine || r.Kind == sim.WrongHand {
		name = r.Purpose + " " + name
	}
	c := s.sum.Kinds[name]
	if c == nil {
		c = &demoCount{}
		s.sum.Kinds[name] = c
	}
	c.Presented++
	c.Again += r.Again
	s.sum.Again += r.Again
	switch r.Verdict {
	case sim.Right:
		c.Right++
		s.sum.Right++
	case sim.Wrong:
		c.Wrong++
		s.sum.Wrong++
		if !s.json {
			fmt.Fprintf(s.out, "       WRONG: %s\n", r.Why)
		}
	default:
		c.Undecided++
		s.sum.Undecided++
	}
}

// closing prints the table, and fails on a wrong decision.
func (s *demoShow) closing() error {
	for name, all := range s.sum.took {
		slices.Sort(all)
		s.sum.Stages[name] = demoTimes{len(all), all[len(all)/2], all[min(len(all)*95/100, len(all)-1)]}
	}
	err := s.verdict()
	if s.json {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		if wrote := e.Encode(s.sum); wrote != nil {
			return wrote
		}
		return err
	}
	s.table()
	return err
}

func (s *demoShow) verdict() error {
	switch {
	case s.sum.Wrong > 0:
		return fmt.Errorf("demo: %d wrong decisions", s.sum.Wrong)
	case s.done != len(s.script):
		return fmt.Errorf("demo: %d of %d presentations were played", s.done, len(s.script))
	}
	return nil
}

func (s *demoShow) table() {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\npresented\t\tright\twrong\tundecided\tanother try\t\n")
	for _, name := range slices.Sorted(maps.Keys(s.sum.Kinds)) {
		c := s.sum.Kinds[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t\n", name, c.Presented, c.Right, c.Wrong, c.Undecided, c.Again)
	}
	fmt.Fprintf(w, "\nstage\tcount\tp50\tp95\t\n")
	for _, name := range []string{
		firmware.StageGuide, firmware.StageOpen, firmware.StageNonce, firmware.StageCapture, firmware.StageVision,
		firmware.StageQuality, firmware.StageLiveness, firmware.StageSeal, firmware.StageLink, firmware.StageAnswer,
	} {
		t := s.sum.Stages[name]
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t\n", name, t.Count, t.P50.Round(10*time.Microsecond), t.P95.Round(10*time.Microsecond))
	}
	w.Flush()
	for _, f := range s.sum.Faults {
		fmt.Fprintf(s.out, "fault: %s\n", f)
	}
	fmt.Fprintf(s.out, "\n%d waves, %d right, %d wrong, %d undecided, %d asked for another try, %d bytes sent by the device\n",
		s.sum.Waves, s.sum.Right, s.sum.Wrong, s.sum.Undecided, s.sum.Again, s.sum.Bytes)
	fmt.Fprintln(s.out, s.sum.Notice)
}
