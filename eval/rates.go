package eval

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// FalseMatchRates are the operating points that a report lists.
var FalseMatchRates = [...]struct {
	Name string
	Rate float64
}{{"1e-3", 1e-3}, {"1e-4", 1e-4}, {"1e-5", 1e-5}, {"1e-6", 1e-6}}

// Bounds is a 95 % confidence interval.
type Bounds [2]float64

// Rates are the error rates of one set of distances, as fractions. A field
// named …Bounds holds the 95 % Clopper-Pearson interval of the field before
// it, taking trials as independent, which those of one palm are not: the true interval is wider.
type Rates struct {
	Genuine  int `json:"genuine"`  // comparisons
	Impostor int `json:"impostor"` // comparisons

	// EER is the rate at the threshold where false match and false
	// non-match rate are nearest to each other, as their mean; bounds as of a share of the genuine comparisons.
	EER       float64 `json:"eer"`
	EERBounds Bounds  `json:"eer_bounds"`

	// FNMR at a false match rate f is the share of genuine distances at or over the
	// loosest threshold that at most f of the impostor distances lie below.
	FNMR       map[string]float64 `json:"fnmr"`
	FNMRBounds map[string]Bounds  `json:"fnmr_bounds"`
	// Matches is how many impostor comparisons pass at that threshold: where it is
	// 0, the set is too small for f and the rate is that of no false match.
	Matches map[string]int `json:"false_matches"`

	// FNMRZero is the rate at the loosest threshold without a false match.
	FNMRZero       float64 `json:"fnmr_zero"`
	FNMRZeroBounds Bounds  `json:"fnmr_zero_bounds"`
}

// Measure computes the rates of distances, which it sorts.
func Measure(d *Distances) Rates {
	slices.Sort(d.Genuine)
	slices.Sort(d.Impostor)
	r := Rates{
		Genuine: len(d.Genuine), Impostor: len(d.Impostor),
		FNMR: map[string]float64{}, FNMRBounds: map[string]Bounds{}, Matches: map[string]int{},
	}
	if r.Genuine == 0 || r.Impostor == 0 {
		return r
	}
	r.EER = equalErrorRate(d)
	r.EERBounds = eerBounds(r.EER, r.Genuine)
	for _, f := range FalseMatchRates {
		threshold := thresholdAt(d.Impostor, f.Rate)
		missed := missedAt(d.Genuine, threshold)
		r.FNMR[f.Name] = float64(missed) / float64(r.Genuine)
		r.FNMRBounds[f.Name] = clopperPearson(missed, r.Genuine)
		r.Matches[f.Name] = below(d.Impostor, threshold)
	}
	missed := missedAt(d.Genuine, d.Impostor[0])
	r.FNMRZero = float64(missed) / float64(r.Genuine)
	r.FNMRZeroBounds = clopperPearson(missed, r.Genuine)
	return r
}

// thresholdAt is the loosest threshold under which at most a share of the
// sorted impostor distances lies; a distance passes when it is smaller than the threshold.
func thresholdAt(impostor []float64, share float64) float64 {
	// The product of, say, 1e-4 and 80,000 may come out just below 8.
	passing := int(math.Floor(share*float64(len(impostor)) + 1e-9))
	return impostor[min(passing, len(impostor)-1)]
}

// below counts the sorted distances that are smaller than a threshold.
func below(sorted []float64, threshold float64) int {
	n, _ := slices.BinarySearch(sorted, threshold)
	return n
}

func missedAt(genuine []float64, threshold float64) int {
	return len(genuine) - below(genuine, threshold)
}

// equalErrorRate looks at every threshold that a distance could set.
func equalErrorRate(d *Distances) float64 {
	best, rate := math.Inf(1), 1.0
	at := func(threshold float64) {
		fmr := float64(below(d.Impostor, threshold)) / float64(len(d.Impostor))
		fnmr := float64(missedAt(d.Genuine, threshold)) / float64(len(d.Genuine))
		if gap := math.Abs(fmr - fnmr); gap < best {
			best, rate = gap, (fmr+fnmr)/2
		}
	}
	for _, g := range d.Genuine {
		at(g)
		at(math.Nextafter(g, 1))
	}
	// Among the impostor distances only those near the crossing matter, and there
	// the false match rate is at most the rate of the best threshold so far plus its gap.
	for _, i := range d.Impostor[:min(len(d.Impostor), int((rate+best)*float64(len(d.Impostor)))+2)] {
		at(i)
	}
	return rate
}

// eerBounds are the bounds of a share of n genuine comparisons. The rate lies
// between two whole numbers of errors: the lower bound is that of the fewer, the upper that of the more.
func eerBounds(rate float64, n int) Bounds {
	x := rate * float64(n)
	return Bounds{clopperPearson(int(math.Floor(x)), n)[0], clopperPearson(int(math.Ceil(x)), n)[1]}
}

// clopperPearson is the exact 95 % interval for a share of which x of n were
// seen (Clopper and Pearson 1934), through the beta distribution.
func clopperPearson(x, n int) Bounds {
	const tail = 0.025
	b := Bounds{0, 1}
	if n == 0 {
		return b
	}
	if x > 0 {
		b[0] = distuv.Beta{Alpha: float64(x), Beta: float64(n-x) + 1}.Quantile(tail)
	}
	if x < n {
		b[1] = distuv.Beta{Alpha: float64(x) + 1, Beta: float64(n - x)}.Quantile(1 - tail)
	}
	return b
}
