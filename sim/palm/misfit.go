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
// infrared and carries it over into white light: means and deviations over
// 70 synthetic waves, half guided. What is left out, shear and aspect, deviates by less than 0.02.
func DrawMisfit(rng *rand.Rand) Misfit {
	n := Shift{
		X:    normal(rng, 0.008, 0.0145),
		Y:    normal(rng, -0.009, 0.014),
		Turn: normal(rng, -0.0165, 0.016),
		Grow: normal(rng, -0.015, 0.019),
	}
	c := n
	c.X += normal(rng, 0.006, 0.015)
	c.Y += normal(rng, 0.006, 0.0055)
	return Misfit{RGB: c, NIR: n}
}
