// Package liveness decides whether a sample is of a living palm. Each check
// measures one thing that skin over blood does and that what looks like it
// does not; a model that was fitted to presentations weighs them together.
// The device judges for speed and the vault judges again by the same bytes,
// since a device may lie. A check that did not run refuses, missing evidence
// refuses, and so does the zero Verdict.
package liveness

import (
	"errors"
	"math"
	"slices"
)

// Result is one check's. The zero Result did not run.
type Result struct {
	Name     string
	Ran      bool
	Value    float64
	Min, Max float64 // what living palms have
	Score    float64 // what the check adds to the verdict's score: 0 or less
	Err      error   // why it did not run
}

// Pass tells whether the check ran and found what living palms have.
func (r Result) Pass() bool { return r.Ran && r.Value >= r.Min && r.Value <= r.Max }

// Verdict is all results and what they come to. The zero Verdict refuses.
type Verdict struct {
	Results []Result
	Score   float64  // of all results together; living palms have 0 and more
	Known   []Result // of each kind of attack that is known: that this is none, as the logarithm of a ratio of likelihoods
}

// Live tells whether every check ran and passed, whether there was one, and
// whether all of them together speak for a living palm.
func (v Verdict) Live() bool {
	for _, r := range slices.Concat(v.Results, v.Known) {
		if !r.Pass() {
			return false
		}
	}
	return len(v.Results) > 0 && v.Score >= 0
}

// Failed names the checks that did not pass, for traces; a check that did not
// run is named with a question mark. Where each passed and all together did
// not, it names the one that spoke most against. Of the kinds of attack it names the one that this is most like.
func (v Verdict) Failed() []string {
	var names []string
	least := -1
	for i, r := range v.Results {
		switch {
		case !r.Ran:
			names = append(names, r.Name+"?")
		case !r.Pass():
			names = append(names, r.Name)
		}
		if least < 0 || r.Score < v.Results[least].Score {
			least = i
		}
	}
	if r := v.Likest(); r.Ran && !r.Pass() {
		names = append(names, r.Name)
	}
	if names == nil && v.Score < 0 && least >= 0 {
		names = append(names, v.Results[least].Name)
	}
	return names
}

// Likest is the result of the kind of attack that this is most like, the zero one where there is none.
func (v Verdict) Likest() (likest Result) {
	for i, r := range v.Known {
		if i == 0 || r.Value-r.Min < likest.Value-likest.Min {
			likest = r
		}
	}
	return likest
}

var errNotNumber = errors.New("result is not a number")

// Measure gives the value of each check, in the order of Checks; one that
// could not run is not a number, and evidence that is incomplete is an error.
func Measure(e *Evidence) ([]float64, error) {
	s, err := newScene(e)
	if err != nil {
		return nil, err
	}
	defer s.wipe()
	values := make([]float64, len(Checks))
	for i, c := range Checks {
		values[i] = c.measure(s)
	}
	return values, nil
}

// MeasureCrops gives the values of the checks that run on crops alone: of
// the evidence it takes views, masks and, where there is a proof, the picture
// at 940 nm. The values of other checks are not numbers.
func MeasureCrops(e *Evidence) ([]float64, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.Proof != nil && len(e.Proof.NIR940) != half*half {
		return nil, errors.New("liveness: the picture at 940 nm is not of the size that the wire has")
	}
	s := &scene{Evidence: e}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	defer s.wipe()
	values := make([]float64, len(Checks))
	for i, c := range Checks {
		if values[i] = math.NaN(); c.Crops {
			values[i] = c.measure(s)
		}
	}
	return values, nil
}

// Judge runs every check and weighs them by a model. A model that does not
// know every check refuses.
func Judge(m *Model, e *Evidence) Verdict {
	values, err := Measure(e)
	v := Verdict{Results: make([]Result, len(Checks)), Score: math.Inf(-1)}
	for i, c := range Checks {
		r := &v.Results[i]
		r.Name, r.Err = c.Name, err
		if err == nil && (math.IsNaN(values[i]) || math.IsInf(values[i], 0)) {
			r.Err = errNotNumber
		}
		if r.Ran = r.Err == nil; r.Ran {
			r.Value = values[i]
		}
	}
	m.weigh(&v)
	return v
}
