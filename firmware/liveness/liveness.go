// Package liveness decides whether a burst is of a living palm. Each check
// measures one thing that skin over blood does and that paper, toner, ink and
// screens do not. All must pass: a check that did not run refuses, and so does
// the zero Verdict.
package liveness

import (
	"errors"
	"fmt"
	"math"
	"time"

	"volar/wire"
)

// Evidence is what a burst and its rectified palm tell. Crops are wire.Side
// by wire.Side pixels in the palm frame, with the ambient light taken off.
type Evidence struct {
	RGB            []byte // under white light, 3 channels
	NIR850, NIR940 []byte
	RGBMask        []byte // wire.MaskBytes
	NIRMask        []byte
	White, At850   time.Duration // exposures
	At940          time.Duration
	AmbientRGB     float64 // mean level in the dark inside the palm's square, share of full scale
	AmbientNIR     float64
	WhiteNIR       float64 // mean level that white light adds in the near-infrared camera there
	Distance       float64 // mm
	Registration   float64 // normalised correlation of the bands' creases, -1 to 1
	Relief         float64 // mm by which the palm departs from a plane; NaN where it is unknown
}

// Check measures one thing. Min and Max are the limits of a living palm, both
// included.
type Check struct {
	Name     string
	Min, Max float64
	Measure  func(*Evidence) (float64, error)
}

// Result is one check's. The zero Result did not run.
type Result struct {
	Name     string
	Ran      bool
	Value    float64
	Min, Max float64
	Err      error // why it did not run
}

// Pass tells whether the check ran and found what a living palm has.
func (r Result) Pass() bool { return r.Ran && r.Value >= r.Min && r.Value <= r.Max }

// Verdict is all results. The zero Verdict refuses.
type Verdict struct {
	Results []Result
}

// Live tells whether every check ran and passed, and whether there was one.
func (v Verdict) Live() bool {
	for _, r := range v.Results {
		if !r.Pass() {
			return false
		}
	}
	return len(v.Results) > 0
}

// Failed names the checks that did not pass, for traces; a check that did not
// run is named with a question mark.
func (v Verdict) Failed() []string {
	var names []string
	for _, r := range v.Results {
		switch {
		case !r.Ran:
			names = append(names, r.Name+"?")
		case !r.Pass():
			names = append(names, r.Name)
		}
	}
	return names
}

var errNotNumber = errors.New("result is not a number")

// Judge runs every check. Evidence that is incomplete makes those that need
// it not run.
func Judge(checks []Check, e *Evidence) Verdict {
	v := Verdict{Results: make([]Result, 0, len(checks))}
	whole := e.check()
	for _, c := range checks {
		r := Result{Name: c.Name, Min: c.Min, Max: c.Max, Err: whole}
		if whole == nil {
			r.Value, r.Err = c.Measure(e)
		}
		if r.Err == nil && math.IsNaN(r.Value) {
			r.Err = errNotNumber
		}
		r.Ran = r.Err == nil
		v.Results = append(v.Results, r)
	}
	return v
}

// check tells whether the crops can be read at all.
func (e *Evidence) check() error {
	const n = wire.Side * wire.Side
	if len(e.RGB) != 3*n || len(e.NIR850) != n || len(e.NIR940) != n ||
		len(e.RGBMask) != wire.MaskBytes || len(e.NIRMask) != wire.MaskBytes {
		return errors.New("liveness: crops and masks are not of the size that the wire has")
	}
	if e.White <= 0 || e.At850 <= 0 || e.At940 <= 0 {
		return fmt.Errorf("liveness: exposures are %v, %v and %v", e.White, e.At850, e.At940)
	}
	return nil
}
