package matcher

import "math"

// A tail models the distances between strangers: normal with a mean and a
// standard deviation fitted to the lower tail.
type tail struct {
	mean, deviation float64
}

// strangers holds the tails by set of bands. PROVISIONAL until the fit runs.
var strangers = [4]tail{
	OnlyRGB:   {0.40, 0.016},
	OnlyNIR:   {0.40, 0.016},
	BothBands: {0.40, 0.012},
}

// margin is how much nearer the named person must be than the next one, in
// standard deviations of strangers' distances.
const margin = 1.0

func (t tail) deviations(d float64) float64 { return (d - t.mean) / t.deviation }

// quantile is the distance that a stranger falls below with the probability
// whose natural logarithm is given.
func (t tail) quantile(logP float64) float64 {
	return t.mean - t.deviation*normalTail(logP)
}

// normalTail solves log(Q(z)) = logP for z, where Q is the upper tail of the
// standard normal distribution, by bisection on its logarithm.
func normalTail(logP float64) float64 {
	low, high := -8.0, 38.0
	for range 80 {
		mid := (low + high) / 2
		if math.Log(math.Erfc(mid/math.Sqrt2)/2) > logP {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}
