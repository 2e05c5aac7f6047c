// Package quality decides whether a palm is good enough to be compared, and
// if not, what the person should change. Each measure has a range and the
// cue that cures it; the worst one decides.
package quality

import (
	"errors"
	"fmt"
	"math"
	"time"

	"volar/hal"
	"volar/wire"
)

// palmSide is the side of a palm's square on an adult hand, in mm: 1.1 times
// the distance between the outer finger valleys. Hands of 5th percentile
// women to 95th percentile men differ from it by 15 %, so does a distance
// that is told from it.
const palmSide = 55

// thumbInView is the distance in mm from which on a hand that is centred shows
// its thumb: 640 px of 295 px focal length see 195 mm.
const thumbInView = 90

// Point is a position in the near-infrared picture, in pixels.
type Point struct{ X, Y float64 }

// Palm is where the palm is in the near-infrared picture.
type Palm struct {
	Valleys [3]Point   // the roots of the gaps between the four fingers
	Centre  Point      // of the palm's square
	Side    float64    // of the palm's square, in pixels
	Inside  float64    // share of the square that is skin in the picture, 0 to 1
	Spread  float64    // narrowest gap between fingers, share of the valley distance
	Sure    float64    // how surely it is the hand that it is said to be, 0 to 1
	ToImage [9]float64 // position in the crop to position in the picture, row major
}

// Sight is one look at a hand while it is guided.
type Sight struct {
	Lit, Dark *hal.Frame // near-infrared, under 850 nm and in the dark
	Palm      Palm
	Before    *Palm         // one look earlier, nil for the first
	Elapsed   time.Duration // since that look
}

// Guide measures what one look in the near-infrared can tell. The first look
// at a hand does not pass, since its motion is not known.
func Guide(s *Sight, cal *hal.Calibration) Report {
	var r Report
	p := &s.Palm
	distance := cal.NIR.Fx * palmSide / p.Side
	r.within(guessed, Distance, distance)
	r.place(p, cal, distance)
	level, saturated := light(s.Lit, s.Dark, &p.ToImage)
	r.add(Exposure, level)
	r.add(Saturation, saturated)
	r.add(Motion, s.speed())
	return r
}

// place adds the measures of where the palm is in the picture. It is centred
// where both cameras see it alike: before the middle between them.
func (r *Report) place(p *Palm, cal *hal.Calibration, distance float64) {
	var between [3]float64 // half of where the RGB camera is: -R' T
	for i := range 3 {
		for j := range 3 {
			between[i] -= cal.R[3*j+i] * cal.T[j] / 2
		}
	}
	x := cal.NIR.Cx + cal.NIR.Fx*between[0]/distance
	y := cal.NIR.Cy + cal.NIR.Fy*between[1]/distance
	r.add(Centre, math.Hypot(p.Centre.X-x, p.Centre.Y-y)/float64(min(cal.NIR.Width, cal.NIR.Height)))
	r.add(Inside, p.Inside)
	r.add(Spread, p.Spread)
	if distance > thumbInView {
		r.within(thumbAway, Hand, p.Sure)
	} else {
		r.add(Hand, p.Sure)
	}
}

// speed is how fast the valleys moved since the look before, in mm a second.
func (s *Sight) speed() float64 {
	if s.Before == nil || s.Elapsed <= 0 {
		return math.NaN()
	}
	var sum float64
	for i, v := range s.Palm.Valleys {
		sum += math.Hypot(v.X-s.Before.Valleys[i].X, v.Y-s.Before.Valleys[i].Y)
	}
	return sum / 3 * palmSide / s.Palm.Side / s.Elapsed.Seconds()
}

// Wave is a burst that has been rectified. The crops are wire.Side by
// wire.Side pixels with the ambient light taken off.
type Wave struct {
	Lit, Dark        *hal.Frame // near-infrared, under 850 nm and in the dark
	Palm             Palm
	Distance         float64 // mm
	Tilt             float64 // degrees
	Pace             float64 // mm a second across the view
	RGB              []byte  // 3 channels
	NIR              []byte  // under 850 nm
	RGBMask, NIRMask []byte  // wire.MaskBytes
}

var errCrop = errors.New("crops and masks are not of the size that the wire has")

// Measure measures all there is to measure of a burst. The error tells that
// the wave is not complete, and then the report is the zero one.
func Measure(w *Wave, cal *hal.Calibration) (Report, error) {
	if len(w.RGB) != 3*side*side || len(w.NIR) != side*side ||
		len(w.RGBMask) != wire.MaskBytes || len(w.NIRMask) != wire.MaskBytes {
		return Report{}, fmt.Errorf("quality: measure a wave: %w", errCrop)
	}
	var r Report
	r.add(Distance, w.Distance)
	r.add(Tilt, w.Tilt)
	r.place(&w.Palm, cal, w.Distance)
	r.add(Coverage, min(share(w.RGBMask), share(w.NIRMask)))
	r.add(Motion, w.Pace)

	level, saturated := light(w.Lit, w.Dark, &w.Palm.ToImage)
	colours, burnt := colour(w.RGB, w.RGBMask)
	r.add(Exposure, level)
	r.add(Exposure, colours)
	r.add(Saturation, max(saturated, burnt))
	r.add(Focus, focus(w.NIR, 1, 0, w.NIRMask))
	r.within(sharpColour, Focus, focus(w.RGB, 3, 1, w.RGBMask)) // green shows the creases best
	return r, nil
}
