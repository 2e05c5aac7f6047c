package matcher

import "math"

// A tail models how far strangers lie apart: a normal distribution whose
// median and whose lower tail are those of synthetic palms (fitted.go), with
// the deviation widened by allowance.
//
// A search takes the nearest of many places, so its distances have a lighter
// lower tail than one comparison of independent bits would have, and the normal law
// serves from rates of 0.5 down to where the data end. Beyond, it extrapolates.
type tail struct {
	median, deviation float64
}

// allowance widens the fitted deviation, by set of bands. Synthetic palms share
// less with each other than real ones do (no families, no common way to hold
// a hand), rates below one in the number of fitted comparisons are
// extrapolated, and where one band is alone nothing corrects it. These are
// margins of safety that were chosen, not fitted, after the model had been held
// against real development sets, which therefore no longer check it
// independently. On both bands a rate of 1e-6 is granted only where the model
// alone would say 1e-10, on one band 1e-14.
var allowance = [4]float64{OnlyRGB: 1.6, OnlyNIR: 1.6, BothBands: 4.0 / 3}

// margin is how much nearer the named person must be than the next one, in
// deviations. Two people that one probe fits about equally are a sign of a fault or of
// an attack, and the search then names neither.
const margin = 1.0

// weakRate is the false match rate that each band must pass on its own where both
// are compared. Without it a perfect print of a palm in white light
// would carry a stranger's near infrared over the fused threshold. It is no
// threshold of its own, so no allowance is made.
const weakRate = 1e-2

// deviations says how many deviations a distance lies above the median.
func (t tail) deviations(d float64) float64 { return (d - t.median) / t.deviation }

// quantile is the distance that a stranger falls below with the probability
// whose natural logarithm is given, with the deviation widened.
func (t tail) quantile(logP, widened float64) float64 {
	return t.median - widened*t.deviation*normalTail(logP)
}

// normalTail solves log(Q(z)) = logP for z by bisection, where Q is the
// upper tail of the standard normal distribution; logP from -700 to -1e-12.
func normalTail(logP float64) float64 {
	low, high := -8.0, 37.0
	for range 60 {
		mid := (low + high) / 2
		if math.Log(math.Erfc(mid/math.Sqrt2)/2) > logP {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}
