package eval

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Report is what a run found, as it is written to JSON: the rates of the
// fused score at the top, those of each band under bands.
type Report struct {
	Selection Selection `json:"selection"`
	Rates
	// FTE is the share of the samples that no code could be made of. They take part in no comparison.
	FTE       float64  `json:"fte"`
	FTEBounds Bounds   `json:"fte_bounds"`
	Samples   int      `json:"samples"`
	Failed    []string `json:"failed"` // their palm/session/capture
	Seconds   float64  `json:"seconds"`

	Bands map[string]Rates `json:"bands"` // "rgb" and "nir", as far as measured

	// Gate is what Options.Gate makes of the set; its Rates are those of the pairs that it takes.
	Gate GateReport `json:"gate"`

	// Decisions are the rates of the product's own decision, whose thresholds
	// were not set on this set, when it is asked for one of FalseMatchRates a comparison.
	Decisions map[string]DecisionRates `json:"decisions"`

	Groups []GroupRates `json:"groups"` // of a set whose samples' traits are known
	Worst  WorstReport  `json:"worst"`
	Times  TimeReport   `json:"times"`
}

// GateReport holds a set's rates where refused samples count as failures to extract.
type GateReport struct {
	Refused   []string `json:"refused"` // beside those of Failed
	FTE       float64  `json:"fte"`     // with those of Failed
	FTEBounds Bounds   `json:"fte_bounds"`
	Rates
}

// GroupRates are the rates of the pairs that share a trait, at the thresholds
// of the whole set for one of FalseMatchRates.
type GroupRates struct {
	rank       int
	Trait      string                   `json:"trait"`
	Value      string                   `json:"value"`
	Genuine    int                      `json:"genuine"`
	Impostor   int                      `json:"impostor"`
	Thresholds map[string]DecisionRates `json:"at"`
}

// WorstReport names the farthest genuine and the nearest impostor pairs, worst first.
type WorstReport struct {
	Genuine  []PairReport `json:"genuine"`
	Impostor []PairReport `json:"impostor"`
}

// PairReport names one comparison by its samples.
type PairReport struct {
	Probe    string  `json:"probe"`
	Enrolled string  `json:"enrolled"`
	Distance float64 `json:"distance"`
}

// DecisionRates are what a threshold that was set beforehand makes of a set.
type DecisionRates struct {
	FMR        float64 `json:"fmr"`
	FMRBounds  Bounds  `json:"fmr_bounds"`
	FNMR       float64 `json:"fnmr"`
	FNMRBounds Bounds  `json:"fnmr_bounds"`
}

// Selection is what was measured, in the words of the command line.
type Selection struct {
	Manifest string `json:"manifest"`
	Bands    string `json:"bands"`
	Gallery  string `json:"gallery"`
	Probe    string `json:"probe"`
	Enrol    int    `json:"enrol"` // 0: capture against capture

	ProbeBands string  `json:"probe_bands,omitempty"` // where they differ from the gallery's
	Degrade    string  `json:"degrade,omitempty"`     // what was done to the probes first
	Tenant     string  `json:"tenant,omitempty"`      // whose scheme codes were made in, see TenantKey
	Synthetic  int     `json:"synthetic,omitempty"`   // people, in place of a manifest
	Gate       float64 `json:"gate,omitempty"`        // Options.Gate
	Seed       uint64  `json:"seed"`                  // of whatever was drawn at random
}

// NewReport computes the rates of a run that took so long. It fails where
// there is nothing to measure: no genuine or no impostor comparison.
func NewReport(what Selection, s *Scores, took time.Duration) (*Report, error) {
	if s.Samples == 0 {
		return nil, errors.New("eval: the selectors and bands pick no sample")
	}
	if len(s.Fused.Genuine) == 0 || len(s.Fused.Impostor) == 0 {
		return nil, fmt.Errorf("eval: %d genuine and %d impostor comparisons of %d samples (%d failed): nothing to measure",
			len(s.Fused.Genuine), len(s.Fused.Impostor), s.Samples, len(s.Failed))
	}
	r := &Report{
		Selection: what,
		Rates:     Measure(&s.Fused),
		FTE:       float64(len(s.Failed)) / float64(s.Samples),
		FTEBounds: clopperPearson(len(s.Failed), s.Samples),
		Samples:   s.Samples,
		Failed:    append([]string{}, s.Failed...),
		Seconds:   took.Seconds(),
		Bands:     map[string]Rates{},
		Decisions: map[string]DecisionRates{},
	}
	for i, f := range FalseMatchRates {
		d := s.Decisions[i]
		r.Decisions[f.Name] = DecisionRates{
			FMR:        float64(d.ImpostorAccepted) / float64(r.Impostor),
			FMRBounds:  clopperPearson(d.ImpostorAccepted, r.Impostor),
			FNMR:       float64(d.GenuineRefused) / float64(r.Genuine),
			FNMRBounds: clopperPearson(d.GenuineRefused, r.Genuine),
		}
	}
	out := len(s.Failed) + len(s.Refused)
	r.Gate = GateReport{
		Refused: append([]string{}, s.Refused...), FTE: float64(out) / float64(s.Samples), FTEBounds: clopperPearson(out, s.Samples),
		Rates: Measure(&s.Gated),
	}
	r.Groups = groupRates(s)
	r.Worst = WorstReport{pairReports(s.Worst.Genuine), pairReports(s.Worst.Impostor)}
	r.Times = s.Times.report()
	if len(s.RGB.Genuine) > 0 {
		r.Bands["rgb"] = Measure(&s.RGB)
	}
	if len(s.NIR.Genuine) > 0 {
		r.Bands["nir"] = Measure(&s.NIR)
	}
	return r, nil
}

// groupRates looks at each group with the thresholds of all; Measure has sorted the distances of all.
func groupRates(s *Scores) []GroupRates {
	out := []GroupRates{}
	for trait, d := range s.Groups {
		slices.Sort(d.Genuine)
		slices.Sort(d.Impostor)
		g := GroupRates{rank: trait.Rank, Trait: trait.Name, Value: trait.Value, Genuine: len(d.Genuine), Impostor: len(d.Impostor), Thresholds: map[string]DecisionRates{}}
		for _, f := range FalseMatchRates {
			t := thresholdAt(s.Fused.Impostor, f.Rate)
			missed, matched := missedAt(d.Genuine, t), below(d.Impostor, t)
			g.Thresholds[f.Name] = DecisionRates{
				FMR: float64(matched) / float64(max(g.Impostor, 1)), FMRBounds: clopperPearson(matched, g.Impostor),
				FNMR: float64(missed) / float64(max(g.Genuine, 1)), FNMRBounds: clopperPearson(missed, g.Genuine),
			}
		}
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b GroupRates) int {
		return cmp.Or(strings.Compare(a.Trait, b.Trait), a.rank-b.rank)
	})
	return out
}

func pairReports(pairs []Pair) []PairReport {
	out := make([]PairReport, len(pairs))
	for i, p := range pairs {
		out[i] = PairReport{p.Probe.ID, p.Enrolled.ID, p.Distance}
	}
	return out
}

// WriteJSON writes the report, indented.
func (r *Report) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteJSON writes the report, indented.
func (r *SearchReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, r any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
