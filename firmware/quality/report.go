package quality

import (
	"fmt"
	"math"

	"volar/hal"
)

// Kind is one thing that is measured. The zero Kind is none.
type Kind uint8

// Every measure there is.
const (
	Distance   Kind = 1 + iota // mm from the near-infrared camera to the palm
	Centre                     // of the palm, from the middle of the picture, share of the short side
	Inside                     // share of the palm's square that is skin in the picture
	Coverage                   // share of the crop's cells that show skin that can be compared, in the poorer band
	Spread                     // narrowest gap between fingers, share of the valley distance
	Hand                       // how surely the left hand is told from the right, 0 to 1
	Tilt                       // degrees between the palm's normal and the camera's axis
	Exposure                   // mean level of the palm, share of full scale
	Saturation                 // share of the palm at full scale
	Motion                     // mm a second across the picture
	Focus                      // fine detail, share of all detail
	kindCount
)

var kindNames = [kindCount]string{
	"none", "distance", "centre", "inside", "coverage", "spread", "hand", "tilt", "exposure", "saturation", "motion", "focus",
}

// String is the measure's name in traces.
func (k Kind) String() string {
	if k >= kindCount {
		return fmt.Sprintf("measure(%d)", uint8(k))
	}
	return kindNames[k]
}

// Limits says what a measure may be. From Good to GoodMax the grade is full;
// it falls to nothing at Min and at Max. Where Min equals Good, or Max equals
// GoodMax, that side has no limit.
type Limits struct {
	Min, Good, GoodMax, Max float64
	Low, High               hal.Cue // what cures a value that is too small, too large
}

// limits are those of a burst and, but for the distance, of guiding.
// README.md in this folder says where each is from.
var limits = [kindCount]Limits{
	Distance:   {40, 55, 100, 120, hal.CueFarther, hal.CueCloser},
	Centre:     {0, 0, 0.12, 0.25, hal.CueCentre, hal.CueCentre},
	Inside:     {0.8, 0.95, 1, 1, hal.CueCentre, hal.CueCentre},
	Coverage:   {0.6, 0.85, 1, 1, hal.CueCentre, hal.CueCentre},
	Spread:     {0.015, 0.035, 1, 1, hal.CueSpread, hal.CueSpread},
	Hand:       {0.5, 0.8, 1, 1, hal.CueFarther, hal.CueFarther},
	Tilt:       {0, 0, 10, 18, hal.CueFlatter, hal.CueFlatter},
	Exposure:   {0.08, 0.2, 0.75, 0.9, hal.CueCloser, hal.CueFarther},
	Saturation: {0, 0, 0.001, 0.005, hal.CueFarther, hal.CueFarther},
	Motion:     {0, 0, 30, 80, hal.CueStill, hal.CueStill},
	Focus:      {0.12, 0.15, 1, 1, hal.CueStill, hal.CueStill},
}

// sharpColour is the range of focus in colour, where skin is sharper than in
// near infrared, which it scatters.
var sharpColour = Limits{0.145, 0.185, 1, 1, hal.CueStill, hal.CueStill}

// guessed is the distance's range where it is told from the size of the palm:
// wider by what hands differ from each other.
var guessed = Limits{38, 48, 120, 145, hal.CueFarther, hal.CueCloser}

// thumbAway is Hand's range where the hand is so far away that the thumb would
// be in view: it is hidden, and going farther would not show it.
var thumbAway = Limits{0.5, 0.8, 1, 1, hal.CueSpread, hal.CueSpread}

// position tells the measures of where the palm is from those of the picture.
// A palm in the wrong place makes a poor picture, so place is cured first.
func (k Kind) position() bool { return k >= Distance && k <= Tilt }

// Value is one measure of one palm.
type Value struct {
	Kind   Kind
	Value  float64
	Limits Limits
}

// margin is 1 and more where the value is good, 0 on the limit, negative
// beyond. A value that is no number is as far beyond as can be.
func (v Value) margin() float64 {
	l := v.Limits
	if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
		return math.Inf(-1)
	}
	m := 1.0
	if l.Good > l.Min {
		m = min(m, (v.Value-l.Min)/(l.Good-l.Min))
	}
	if l.Max > l.GoodMax {
		m = min(m, (l.Max-v.Value)/(l.Max-l.GoodMax))
	}
	return m
}

// Pass tells whether the value is within its limits. The zero Value does not pass.
func (v Value) Pass() bool { return v.Kind != 0 && v.Kind < kindCount && v.margin() >= 0 }

// Grade is 1 on the limit to 100 where the value is good, and 0 beyond.
func (v Value) Grade() uint8 {
	if !v.Pass() {
		return 0
	}
	return uint8(1 + 99*v.margin())
}

// Cue is what cures the value, CueAgain where nothing known does.
func (v Value) Cue() hal.Cue {
	l := v.Limits
	cue := hal.CueAgain
	switch {
	case v.Value < l.Good:
		cue = l.Low
	case v.Value > l.GoodMax:
		cue = l.High
	}
	if cue == hal.CueIdle {
		return hal.CueAgain
	}
	return cue
}

// Report is what was measured of one palm. The zero Report does not pass.
type Report struct {
	Values []Value
}

func (r *Report) add(k Kind, v float64) { r.within(limits[k], k, v) }

// within adds a measure that has limits of its own.
func (r *Report) within(l Limits, k Kind, v float64) {
	r.Values = append(r.Values, Value{Kind: k, Value: v, Limits: l})
}

// Worst is the measure that decides. Among those that fail, a wrong position
// comes before a poor picture; otherwise the least margin comes first.
func (r Report) Worst() Value {
	var worst Value
	before := func(v Value) bool {
		if worst.Kind == 0 {
			return true
		}
		if !v.Pass() && !worst.Pass() && v.Kind.position() != worst.Kind.position() {
			return v.Kind.position()
		}
		return v.margin() < worst.margin()
	}
	for _, v := range r.Values {
		if before(v) {
			worst = v
		}
	}
	return worst
}

// Pass tells whether every measure is within its limits.
func (r Report) Pass() bool { return r.Worst().Pass() }

// Quality is the grade of the worst measure, 1 to 100 for a palm that passes
// and 0 for one that does not.
func (r Report) Quality() uint8 { return r.Worst().Grade() }

// Cue is what the person should do about the worst measure.
func (r Report) Cue() hal.Cue { return r.Worst().Cue() }

// Failed names the measures outside their limits, for traces.
func (r Report) Failed() []string {
	var names []string
	for _, v := range r.Values {
		if !v.Pass() {
			names = append(names, v.Kind.String())
		}
	}
	return names
}
