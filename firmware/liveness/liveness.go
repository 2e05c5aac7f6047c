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

// Lamp is the light of one shot of a burst.
type Lamp uint8

// The four of a burst.
const (
	Dark Lamp = iota
	White
	At850
	At940
	lamps
)

// Level is how bright a camera saw the palm under one lamp.
type Level struct {
	Mean     float64 // inside the palm's square, share of full scale, as Mean gives it
	Exposure time.Duration
}

// perMS is the level a millisecond of exposure.
func (l Level) perMS() float64 { return l.Mean / l.Exposure.Seconds() / 1000 }

// Evidence is what a burst and its rectified palm tell. Crops are wire.Side
// by wire.Side pixels in the palm frame, with the ambient light taken off.
type Evidence struct {
	RGB            []byte // under white light, 3 channels
	NIR850, NIR940 []byte
	RGBMask        []byte // wire.MaskBytes
	NIRMask        []byte
	RGBLevels      [lamps]Level // by Lamp, of the RGB camera
	NIRLevels      [lamps]Level // of the near-infrared camera
	Relief         float64      // root mean square by which the palm departs from a plane, mm; NaN where unknown

	// What Judge makes of the crops for the checks: the detail of four
	// channels and the pixels in which it counts.
	green, red, at850, at940 detail
	in                       []int
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
	if whole == nil {
		look := *e
		e = &look
		whole = e.prepare()
		defer e.wipe()
	}
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
	for _, levels := range [][lamps]Level{e.RGBLevels, e.NIRLevels} {
		for i, l := range levels {
			if !(l.Mean >= 0 && l.Mean <= 1) || l.Exposure <= 0 {
				return fmt.Errorf("liveness: level %d is %g in %v", i, l.Mean, l.Exposure)
			}
		}
	}
	return nil
}

// fewest is the least number of pixels that detail is judged by: a quarter of a crop.
const fewest = side * side / 4

// prepare makes the details.
func (e *Evidence) prepare() error {
	if e.in = inner(e.RGBMask, e.NIRMask); len(e.in) < fewest {
		return fmt.Errorf("liveness: %d pixels show skin in both bands, needs %d", len(e.in), fewest)
	}
	e.red, e.green = detailOf(e.RGB, 3, 0), detailOf(e.RGB, 3, 1)
	e.at850, e.at940 = detailOf(e.NIR850, 1, 0), detailOf(e.NIR940, 1, 0)
	return nil
}

func (e *Evidence) wipe() {
	for _, d := range []detail{e.red, e.green, e.at850, e.at940} {
		clear(d)
	}
}
