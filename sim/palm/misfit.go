package palm

import (
	"math"
	"math/rand/v2"
)

// A Shift moves a cut away from the palm square of the truth: by shares of its
// side towards the little finger (X) and the wrist (Y), turned by an angle in radians about its middle, and grown by a share.
type Shift struct{ X, Y, Turn, Grow float64 }

// apply composes a homography of the unit square with the shift.
func (s Shift) apply(h [9]float64) [9]float64 {
	sin, cos := math.Sincos(s.Turn)
	k := 1 + s.Grow
	a, b := k*cos, k*sin
	m := mat{a, -b, 0.5 - 0.5*(a-b) + s.X, b, a, 0.5 - 0.5*(a+b) + s.Y, 0, 0, 1}
	full := mat(h)
	return full.mul(&m)
}

// A Misfit is how far the cuts of one capture lie from the truth in each band.
type Misfit struct{ RGB, NIR Shift }

// DrawMisfit draws the error of firmware/vision, which finds the palm in near
// infrared and carries it over into white light.
func DrawMisfit(rng *rand.Rand) Misfit {
	return Misfit{}
}
