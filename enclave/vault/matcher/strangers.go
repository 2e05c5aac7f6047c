package matcher

import "math"

// A tail models how far strangers lie apart. Between the median and the edge
// it is a normal law through both; beyond the edge, below which a share of the
// strangers lies, the distance falls short of it by a generalised Pareto law
// (Pickands 1975; Coles, "An introduction to statistical modeling of extreme values", 2001, section 4.2):
//
//	P(edge - d > y | d < edge) = (1 + shape*y/scale)^(-1/shape), or exp(-y/scale) where shape is 0.
//
// All numbers are fitted to synthetic palms (fitted.go).
type tail struct {
	median, deviation float64
	edge, share       float64 // share is that of strangers below the edge
	scale, shape      float64 // shape is not negative: a fit must not promise that nobody is nearer than some distance
}

// allowance stretches what a threshold lies below the median, by set of bands. Synthetic palms share
// less with each other than real ones do (no families, no common way to hold
// a hand or to cut a palm), rates below one in the number of fitted comparisons are
// extrapolated, and where one band is alone nothing corrects it. These are
// margins of safety that were chosen, not fitted, after the law had been held
// against real development sets, which therefore no longer check it
// independently. On both bands a rate of 1e-6 is granted only where the law
// alone would say 6e-9, on one band 1e-10.
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
func (t *tail) deviations(d float64) float64 { return (d - t.median) / t.deviation }

// quantile is the distance that a stranger falls below with the probability
// whose natural logarithm is given.
func (t *tail) quantile(logP float64) float64 {
	beyond := math.Log(t.share) - logP // logarithm of how many times rarer than the edge
	if beyond <= 0 {
		return t.median - float64(t.deviation*normalTail(logP))
	}
	if t.shape == 0 {
		return t.edge - float64(t.scale*beyond)
	}
	return t.edge - float64(t.scale*math.Expm1(t.shape*beyond)/t.shape)
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
