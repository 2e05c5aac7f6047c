package eval

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"volar/liveness"
	"volar/liveness/fit"
)

// Presentation is one thing that was held over a device, once: a living hand
// or an attack, and what the device's chain made of it.
type Presentation struct {
	Species string    // of an attack; "" is a living hand
	Traits  []string  // groups of a living hand
	Refused string    // why the device made no sample of it; "" where it did
	Values  []float64 // as liveness.Measure gives them; nil where it could not
	Matched bool      // the matcher alone takes it for the palm that it shows
}

// Instruments are the attacks of one kind that a PADReport tells of, in order.
type Instruments struct{ Name, About string }

// PADReport is how a judge of life did, in the terms of ISO/IEC 30107-3.
type PADReport struct {
	Synthetic bool    `json:"synthetic"` // always: hands and attacks are drawn
	Seconds   float64 `json:"seconds"`

	Species []SpeciesRates `json:"species"`
	Living  []LivingRates  `json:"living"` // all hands first, then each group

	// WorstKnown and WorstLeftOut name the species with the highest rate; of
	// equal ones that with the highest bound.
	WorstKnown   string `json:"worst_known"`
	WorstLeftOut string `json:"worst_left_out"`

	Learnt Learnt `json:"learnt"`

	scores map[string][]float64 // of samples, by species
}

// Learnt is what models were fitted to: other people than those who are reported.
type Learnt struct {
	Living  int `json:"living"`
	Attacks int `json:"attacks"`
}

// SpeciesRates are one species'. Rates of the judge count what reached it: a
// presentation of which the device made no sample is a non-response.
type SpeciesRates struct {
	Name      string         `json:"name"`
	About     string         `json:"about"`
	Presented int            `json:"presented"`
	Silent    int            `json:"non_responses"`
	APNRR     float64        `json:"apnrr"`
	Reasons   map[string]int `json:"non_response_reasons"`

	Judged      int     `json:"judged"`
	Accepted    int     `json:"accepted"`
	APCER       float64 `json:"apcer"`
	APCERBounds Bounds  `json:"apcer_bounds"`

	// IAPAR is the share of all presentations that the judge accepts and the
	// matcher takes for the victim.
	Impostor    int     `json:"accepted_and_matched"`
	IAPAR       float64 `json:"iapar"`
	IAPARBounds Bounds  `json:"iapar_bounds"`
	Matched     int     `json:"matched_without_liveness"` // what there would be without a judge

	// LeftOut is a model that never saw this species.
	LeftOut       int     `json:"left_out_accepted"`
	LeftOutAPCER  float64 `json:"left_out_apcer"`
	LeftOutBounds Bounds  `json:"left_out_apcer_bounds"`

	Refusers []Refuser `json:"refused_by"` // the checks that weigh most, at most three
}

// Refuser is a check and the share of a species' samples against which it spoke most.
type Refuser struct {
	Check string  `json:"check"`
	Share float64 `json:"share"`
}

// LivingRates are those of living hands.
type LivingRates struct {
	Group       string  `json:"group"`
	Presented   int     `json:"presented"`
	Silent      int     `json:"failed_to_acquire"`
	Judged      int     `json:"judged"`
	Refused     int     `json:"refused"`
	BPCER       float64 `json:"bpcer"`
	BPCERBounds Bounds  `json:"bpcer_bounds"`
}

// NewPADReport judges presentations by the model that ships, and each species
// once more by a model that is fitted to what learnt holds of the others.
func NewPADReport(kinds []Instruments, shown, learnt []Presentation, m *liveness.Model, began time.Time) (*PADReport, error) {
	r := &PADReport{Synthetic: true, scores: map[string][]float64{}}
	data := FitData(learnt)
	for _, d := range data {
		if d.Species == "" {
			r.Learnt.Living++
		} else {
			r.Learnt.Attacks++
		}
	}
	for _, k := range kinds {
		of := slices.DeleteFunc(slices.Clone(shown), func(p Presentation) bool { return p.Species != k.Name })
		if len(of) == 0 {
			return nil, fmt.Errorf("eval: attacks: %s was never presented", k.Name)
		}
		blind, err := fit.Model(fit.Without(data, k.Name))
		if err != nil {
			return nil, fmt.Errorf("eval: attacks: without %s: %w", k.Name, err)
		}
		r.Species = append(r.Species, r.species(k, of, m, blind))
	}
	hands := slices.DeleteFunc(slices.Clone(shown), func(p Presentation) bool { return p.Species != "" })
	if len(hands) == 0 {
		return nil, errors.New("eval: attacks: no living hand was presented")
	}
	r.living(hands, m)
	r.WorstKnown = worstOf(r.Species, func(s *SpeciesRates) (float64, Bounds) { return s.APCER, s.APCERBounds })
	r.WorstLeftOut = worstOf(r.Species, func(s *SpeciesRates) (float64, Bounds) { return s.LeftOutAPCER, s.LeftOutBounds })
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// FitData is what a model can be fitted to.
func FitData(list []Presentation) (data []fit.Presentation) {
	for _, p := range list {
		if p.Values != nil {
			data = append(data, fit.Presentation{Values: p.Values, Species: p.Species})
		}
	}
	return data
}

func (r *PADReport) species(k Instruments, list []Presentation, m, blind *liveness.Model) SpeciesRates {
	s := SpeciesRates{Name: k.Name, About: k.About, Presented: len(list), Reasons: map[string]int{}}
	spoke := map[string]int{}
	for i := range list {
		p := &list[i]
		if p.Matched {
			s.Matched++
		}
		if p.Refused != "" {
			s.Silent++
			s.Reasons[p.Refused]++
			continue
		}
		s.Judged++
		v := m.Weigh(p.Values)
		r.scores[k.Name] = append(r.scores[k.Name], scoreOf(v))
		if v.Live() {
			s.Accepted++
			if p.Matched {
				s.Impostor++
			}
		} else {
			spoke[loudest(v)]++
		}
		if blind.Accepts(p.Values) {
			s.LeftOut++
		}
	}
	s.APNRR = float64(s.Silent) / float64(s.Presented)
	s.APCER, s.APCERBounds = ratio(s.Accepted, s.Judged)
	s.LeftOutAPCER, s.LeftOutBounds = ratio(s.LeftOut, s.Judged)
	s.IAPAR, s.IAPARBounds = ratio(s.Impostor, s.Presented)
	s.Refusers = loudestOf(spoke, s.Judged)
	return s
}

// ratio is a rate with its bounds; of nothing it is 0, and nothing is known.
func ratio(k, n int) (float64, Bounds) {
	if n == 0 {
		return 0, Bounds{0, 1}
	}
	return float64(k) / float64(n), clopperPearson(k, n)
}

func loudestOf(spoke map[string]int, n int) (out []Refuser) {
	for check, k := range spoke {
		out = append(out, Refuser{check, float64(k) / float64(n)})
	}
	slices.SortFunc(out, func(a, b Refuser) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Check, b.Check))
	})
	return out[:min(len(out), 3)]
}

// hopeless is the score of what a single check refuses: lower than any sum is drawn.
const hopeless = -60

// scoreOf is a sample's score, by which a threshold trades attacks against hands.
func scoreOf(v liveness.Verdict) float64 {
	for _, c := range slices.Concat(v.Results, v.Known) {
		if !c.Pass() {
			return hopeless
		}
	}
	if len(v.Results) == 0 {
		return hopeless
	}
	return max(v.Score, hopeless)
}

// loudest is the check that speaks most against a sample: one that it does
// not pass before one that weighs; a kind that it is like only where it passes all checks.
func loudest(v liveness.Verdict) string {
	name, failed, least := "evidence is missing", false, math.Inf(1)
	for _, c := range slices.Concat(v.Results, v.Known) {
		if fails := !c.Pass(); fails && !failed || fails == failed && c.Score < least {
			name, failed, least = c.Name, fails, c.Score
		}
	}
	return name
}

func (r *PADReport) living(list []Presentation, m *liveness.Model) {
	const all = "all living hands"
	groups := map[string]*LivingRates{all: {Group: all}}
	for i := range list {
		p := &list[i]
		v := m.Weigh(p.Values)
		accepted := p.Refused == "" && v.Live()
		if p.Refused == "" {
			r.scores[""] = append(r.scores[""], scoreOf(v))
		}
		for _, name := range append([]string{all}, p.Traits...) {
			g := groups[name]
			if g == nil {
				g = &LivingRates{Group: name}
				groups[name] = g
			}
			g.Presented++
			switch {
			case p.Refused != "":
				g.Silent++
			case accepted:
				g.Judged++
			default:
				g.Judged++
				g.Refused++
			}
		}
	}
	for _, g := range groups {
		g.BPCER, g.BPCERBounds = ratio(g.Refused, g.Judged)
		r.Living = append(r.Living, *g)
	}
	slices.SortFunc(r.Living, func(a, b LivingRates) int {
		return cmp.Or(cmp.Compare(b.Presented/max(len(list), 1), a.Presented/max(len(list), 1)), cmp.Compare(a.Group, b.Group))
	})
}

func worstOf(list []SpeciesRates, rate func(*SpeciesRates) (float64, Bounds)) string {
	var name string
	most, bound := -1.0, 0.0
	for i := range list {
		s := &list[i]
		if s.Judged == 0 {
			continue
		}
		if v, b := rate(s); v > most || v == most && b[1] > bound {
			name, most, bound = s.Name, v, b[1]
		}
	}
	return name
}

// named is the species of a name; it is one of the report's.
func (r *PADReport) named(name string) *SpeciesRates {
	for i := range r.Species {
		if r.Species[i].Name == name {
			return &r.Species[i]
		}
	}
	return &SpeciesRates{Name: "none"}
}

// WriteJSON writes the report for machines.
func (r *PADReport) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("eval: write report: %w", err)
	}
	return nil
}
