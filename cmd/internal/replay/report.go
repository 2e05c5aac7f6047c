package replay

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"volar/firmware"
	"volar/sim"
)

// Report is what a run over tapes came to.
type Report struct {
	Results  []Result            // in the order of the tapes
	Compared bool                // with any golden
	Changes  map[string][]Change // by name of the tape, of those with a golden
	Groups   []Group
	Missing  []string // tapes without a golden
	Failed   map[string]error

	Waves, Same, Right, Wrong, Different int
	Took                                 time.Duration
}

// NewReport sorts out what was found. changes has an entry for each tape that
// was compared.
func NewReport(results []Result, changes map[string][]Change) *Report {
	r := &Report{Results: results, Compared: len(changes) > 0, Changes: changes}
	var all []Change
	for i := range results {
		res := &results[i]
		changed := map[int]bool{}
		for _, c := range changes[res.Name] {
			changed[c.Wave] = true
		}
		all = append(all, changes[res.Name]...)
		for _, w := range res.Waves {
			r.Waves++
			if !changed[w.Wave] {
				r.Same++
			}
			if w.Recorded != "" && w.Recorded != w.Outcome {
				r.Different++
			}
			switch w.Verdict {
			case sim.Right:
				r.Right++
			case sim.Wrong:
				r.Wrong++
			}
		}
		r.Took += res.Took
	}
	r.Groups = Groups(all)
	return r
}

// Broken counts the tapes that were not played to their end.
func (r *Report) Broken() (n int) {
	for _, res := range r.Results {
		if res.Error != "" {
			n++
		}
	}
	return n
}

// StageTime is how long a stage computed, over all waves.
type StageTime struct {
	Stage    string
	Count    int
	P50, P95 time.Duration
}

// Timed are the stages in the order of a wave.
var Timed = []string{
	firmware.StageOpen, firmware.StageGuide, firmware.StageNonce, firmware.StageCapture, firmware.StageVision,
	firmware.StageQuality, firmware.StageLiveness, firmware.StageSeal, firmware.StageLink,
}

// Times are the real times of all stages.
func (r *Report) Times() (list []StageTime) {
	for _, stage := range Timed {
		var all []time.Duration
		for _, res := range r.Results {
			all = append(all, res.Times[stage]...)
		}
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		list = append(list, StageTime{stage, len(all), all[len(all)/2], all[min(len(all)*95/100, len(all)-1)]})
	}
	return list
}

// Text is the report for a terminal: what changed first, the worst of it at the top.
func (r *Report) Text(w io.Writer) error {
	t := bufio.NewWriter(w)
	if r.Compared {
		r.changes(t)
	}
	fmt.Fprintf(t, "%d tapes, %d waves: %d decisions right, %d wrong, %d other than recorded\n", len(r.Results), r.Waves, r.Right, r.Wrong, r.Different)
	fmt.Fprintln(t)
	fmt.Fprintln(t, "stage       count  median ms   p95 ms    (computing; neither cameras nor people take time here)")
	for _, s := range r.Times() {
		fmt.Fprintf(t, "%-9s %7d %10.2f %8.2f\n", s.Stage, s.Count, s.P50.Seconds()*1e3, s.P95.Seconds()*1e3)
	}
	return t.Flush()
}

// most is how many groups a terminal gets of each severity.
const most = 12

func (r *Report) changes(t *bufio.Writer) {
	if len(r.Groups) == 0 {
		fmt.Fprintf(t, "NOTHING CHANGED: of %d tapes, the %d with a golden are as in it\n", len(r.Results), len(r.Changes))
		return
	}
	fmt.Fprintln(t, r.Headline())
	shown := map[Severity]int{}
	for _, g := range r.Groups {
		if shown[g.Severity]++; shown[g.Severity] > most {
			continue
		}
		if shown[g.Severity] == 1 {
			fmt.Fprintln(t)
			fmt.Fprintln(t, strings.ToUpper(g.How))
		}
		fmt.Fprintf(t, "  %5d× %s\n", g.Count, g.Title)
		fmt.Fprintf(t, "         %s\n", g.Worst.Where()+g.more())
	}
	for _, s := range slices.Sorted(maps.Keys(shown)) {
		if n := shown[s]; n > most {
			fmt.Fprintf(t, "  and %d more groups of %q\n", n-most, s)
		}
	}
	fmt.Fprintln(t)
}

// Headline says in a line how much changed.
func (r *Report) Headline() string {
	tapes := map[string]bool{}
	for name, c := range r.Changes {
		if len(c) > 0 {
			tapes[name] = true
		}
	}
	return fmt.Sprintf("CHANGED: %d of %d waves, on %d of %d tapes; %d waves are as before", r.Waves-r.Same, r.Waves, len(tapes), len(r.Results), r.Same)
}

func (g *Group) more() string {
	if len(g.Kinds) == 0 || g.Severity == Wrong || g.Severity == Decision {
		return ""
	}
	var who []string
	for _, k := range slices.Sorted(maps.Keys(g.Kinds)) {
		who = append(who, fmt.Sprintf("%d %s", g.Kinds[k], k))
	}
	return "; of " + strings.Join(who, ", ")
}

// Where says on which wave a change is, and what it is.
func (c *Change) Where() string {
	text := c.Tape
	if c.Wave > 0 {
		text += fmt.Sprintf(" wave %d", c.Wave)
	}
	if c.Burst > 1 {
		text += fmt.Sprintf(" burst %d", c.Burst)
	}
	if c.Kind != "" {
		text += " (" + strings.TrimSuffix(string(c.Kind)+" "+c.Note, " ") + ")"
	}
	text += ": " + c.Was + " -> " + c.Is
	if c.By > 0 {
		text += fmt.Sprintf(", %.3g times its tolerance", c.By)
	}
	return text
}

// JSON writes a line of each group, change and wave, and one in the end. Real
// times are not in it, so equal runs have equal bytes.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	var err error
	put := func(kind string, v any) {
		if err == nil {
			err = e.Encode(map[string]any{kind: v})
		}
	}
	for _, g := range r.Groups {
		put("group", g)
	}
	for _, res := range r.Results {
		for _, c := range r.Changes[res.Name] {
			put("change", c)
		}
	}
	for _, res := range r.Results {
		put("tape", res)
		for _, wave := range res.Waves {
			put("wave", struct {
				Tape string `json:"tape"`
				Wave
				Steps []Step `json:"steps"`
			}{res.Name, wave, wave.Steps})
		}
	}
	put("sum", map[string]any{
		"tapes": len(r.Results), "broken": r.Broken(), "waves": r.Waves, "right": r.Right, "wrong": r.Wrong,
		"different": r.Different, "compared": r.Compared, "changed": r.Waves - r.Same, "groups": len(r.Groups),
	})
	return err
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Failure *junitFault `xml:"failure"`
	Error   *junitFault `xml:"error"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes a suite a tape and a case a wave, as continuous integration
// wants it. A wave fails where it is not as in its golden, or without goldens
// where its decision is wrong; a tape that does not play to its end is an error.
func (r *Report) JUnit(w io.Writer) error {
	doc := junitSuites{Name: "palmsim replay"}
	for _, res := range r.Results {
		s := junitSuite{Name: res.Name, Time: fmt.Sprintf("%.3f", res.Took.Seconds())}
		of := map[int][]Change{}
		for _, c := range r.Changes[res.Name] {
			of[c.Wave] = append(of[c.Wave], c)
		}
		for _, wave := range res.Waves {
			c := junitCase{Class: res.Name, Name: strings.TrimSpace(fmt.Sprintf("wave %d %s %s %s", wave.Wave, wave.Purpose, wave.Kind, wave.Note))}
			switch {
			case len(of[wave.Wave]) > 0:
				c.Failure = fault(of[wave.Wave])
			case !r.Compared && wave.Verdict == sim.Wrong:
				c.Failure = &junitFault{Message: "wrong decision: " + wave.Why}
			}
			s.add(c)
		}
		if res.Error != "" {
			s.add(junitCase{Class: res.Name, Name: "plays to its end", Error: &junitFault{Message: res.Error}})
		}
		if err := r.Failed[res.Name]; err != nil {
			s.add(junitCase{Class: res.Name, Name: "has a golden", Error: &junitFault{Message: err.Error()}})
		}
		doc.Suites = append(doc.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func fault(list []Change) *junitFault {
	var all []string
	for _, c := range list {
		text := c.How + ": " + c.title()
		if c.Severity >= Cue { // whose titles say no more than what moved
			text += ": " + c.Was + " -> " + c.Is
		}
		all = append(all, text)
	}
	return &junitFault{Message: all[0], Text: strings.Join(all, "\n")}
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
	s.Cases = append(s.Cases, c)
}
