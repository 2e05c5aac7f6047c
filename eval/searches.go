package eval

import (
	"errors"
	"slices"
	"time"

	"volar/enclave/vault/matcher"
)

// A SearchReport is what identification found, as it is written to JSON.
type SearchReport struct {
	Selection Selection `json:"selection"`
	Palms     int       `json:"palms"`    // of the probe's hand that a search goes through
	Captures  int       `json:"captures"` // of them, the mate's among them
	Searches  int       `json:"searches"` // each once with its mate in the gallery and once as if without
	Samples   int       `json:"samples"`
	Failed    []string  `json:"failed"`
	Seconds   float64   `json:"seconds"`

	// RankOne is the share of searches whose mate lies nearest.
	RankOne       float64 `json:"rank_one"`
	RankOneBounds Bounds  `json:"rank_one_bounds"`
	// Stage1Loss is the share of searches whose mate the first stage leaves
	// out, StageLoss of those that a later one does. Both are part of every FNIR here.
	Stage1Loss       float64 `json:"stage1_loss"`
	Stage1LossBounds Bounds  `json:"stage1_loss_bounds"`
	StageLoss        float64 `json:"stage_loss"`
	StageLossBounds  Bounds  `json:"stage_loss_bounds"`

	// FNIR is by FalsePositiveRates: at thresholds that these searches set.
	FNIR map[string]FNIR `json:"fnir"`
	// Policy is by FalsePositiveRates: what the product's decision makes of it, whose threshold was fitted beforehand.
	Policy map[string]PolicyRates `json:"policy"`

	SearchP50 float64 `json:"search_p50_ms"` // without making the probe ready
	SearchP95 float64 `json:"search_p95_ms"`
	Probe     float64 `json:"probe_ms"` // to make it ready
}

// FNIR is the share of searches that do not name their mate first, within the
// loosest threshold that at most a share of searches without a mate pass.
type FNIR struct {
	FNIR       float64 `json:"fnir"`
	FNIRBounds Bounds  `json:"fnir_bounds"`
	Threshold  float64 `json:"threshold"`
	Passing    int     `json:"false_positives"` // searches without a mate that pass; 0 where there are too few for the rate
}

// PolicyRates are a decision's rates whose threshold was set beforehand.
type PolicyRates struct {
	Threshold  float64 `json:"threshold"`
	FPIR       float64 `json:"fpir"`
	FPIRBounds Bounds  `json:"fpir_bounds"`
	FNIR       float64 `json:"fnir"`
	FNIRBounds Bounds  `json:"fnir_bounds"`
	Wrong      int     `json:"wrong"`     // searches that name somebody else though the mate is there
	Ambiguous  int     `json:"ambiguous"` // that name nobody because two are about as near
}

// NewSearchReport computes the rates of searches that took so long.
func NewSearchReport(what Selection, s *Searches, took time.Duration) (*SearchReport, error) {
	n := len(s.Found)
	if n == 0 {
		return nil, errors.New("eval: no probe's palm is enrolled: nothing to measure")
	}
	r := &SearchReport{
		Selection: what, Palms: s.Palms, Captures: s.Captures, Searches: n, Samples: s.Samples,
		Failed: append([]string{}, s.Failed...), Seconds: took.Seconds(),
		FNIR: map[string]FNIR{}, Policy: map[string]PolicyRates{},
		SearchP50: s.Times.search.quantile(0.5), SearchP95: s.Times.search.quantile(0.95), Probe: s.Times.probe.quantile(0.5),
	}
	share := func(is func(f *Found) bool) (float64, Bounds, int) {
		x := 0
		for i := range s.Found {
			if is(&s.Found[i]) {
				x++
			}
		}
		return float64(x) / float64(n), clopperPearson(x, n), x
	}
	r.RankOne, r.RankOneBounds, _ = share(func(f *Found) bool { return f.Mate < f.Other })
	r.Stage1Loss, r.Stage1LossBounds, _ = share(func(f *Found) bool { return f.Lost1 })
	r.StageLoss, r.StageLossBounds, _ = share(func(f *Found) bool { return f.Lost })
	strangers := make([]float64, n)
	for i := range s.Found {
		strangers[i] = s.Found[i].Other
	}
	slices.Sort(strangers)
	for i, rate := range FalsePositiveRates {
		at := FNIR{Threshold: thresholdAt(strangers, rate.Rate)}
		at.Passing = below(strangers, at.Threshold)
		at.FNIR, at.FNIRBounds, _ = share(func(f *Found) bool { return f.Mate >= at.Threshold || f.Mate >= f.Other })
		r.FNIR[rate.Name] = at
		p := PolicyRates{Threshold: matcher.Policy{FPIR: rate.Rate, Renewable: what.Tenant != ""}.Threshold(s.Found[0].Bands, s.Captures)}
		p.FPIR, p.FPIRBounds, _ = share(func(f *Found) bool { return f.Decided[i].Stranger })
		p.FNIR, p.FNIRBounds, _ = share(func(f *Found) bool { return !f.Decided[i].Named })
		_, _, p.Wrong = share(func(f *Found) bool { return f.Decided[i].Wrong })
		_, _, p.Ambiguous = share(func(f *Found) bool { return f.Decided[i].Ambiguous })
		r.Policy[rate.Name] = p
	}
	return r, nil
}
