package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

	// Decisions are the rates of the product's own decision, whose thresholds
	// were not set on this set, when it is asked for one of FalseMatchRates a comparison.
	Decisions map[string]DecisionRates `json:"decisions"`
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

	ProbeBands string `json:"probe_bands,omitempty"` // where they differ from the gallery's
	Degrade    string `json:"degrade,omitempty"`     // what was done to the probes first
	Seed       uint64 `json:"seed"`                  // of whatever was drawn at random
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
	if len(s.RGB.Genuine) > 0 {
		r.Bands["rgb"] = Measure(&s.RGB)
	}
	if len(s.NIR.Genuine) > 0 {
		r.Bands["nir"] = Measure(&s.NIR)
	}
	return r, nil
}

// WriteJSON writes the report, indented.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
