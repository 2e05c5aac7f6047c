// Package fit learns a model of package liveness from presentations whose
// truth is known. What ships is learnt from synthetic ones alone.
package fit

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"volar/liveness"
)

// Presentation is one sample's values, as liveness.Measure gives them, and
// what it was of.
type Presentation struct {
	Values  []float64
	Species string // of an attack; "" is a living palm
}

const (
	// accepted is the share of living palms that the model is to accept by
	// their score, beside what single limits take away.
	accepted = 0.997

	// refusedAlone is the share of living palms that a limit which refuses by
	// itself may take away.
	refusedAlone = 0.001

	// prior is what a check counts before any attack is seen: living values
	// fall off as a normal distribution's do, exp(-x²/2) beyond the middle, and checks are not
	// independent, so each counts a little less than half.
	prior = 0.3

	// trust is how strongly weights are held to the prior: species that nobody
	// has shown yet are refused by checks that the known ones did not need.
	trust = 0.003

	perCheck = 4 // weights of a check, and of its surprise: less, more, below, above

	farthest = 6 // widths: nothing counts as farther off, in learning
	rounds   = 1500
)

// priors are what the weights of a check are before any attack is seen.
var priors = [perCheck]float64{0, 0, prior, prior}

// Model fits limits to the living palms, and weights to the living and the
// attacks: a logistic regression whose features grow with the distance from
// the middle of the living, so that a score never rises as a value moves away. Every species
// counts the same, and all together as much as the living palms.
// Presentations that lack a value are left out: they are refused anyway.
func Model(data []Presentation) (*liveness.Model, error) {
	data = slices.DeleteFunc(slices.Clone(data), incomplete)
	living := slices.DeleteFunc(slices.Clone(data), func(p Presentation) bool { return p.Species != "" })
	if len(living) < 50 {
		return nil, fmt.Errorf("fit: %d living palms, needs 50", len(living))
	}
	if len(living) == len(data) {
		return nil, errors.New("fit: no attacks")
	}
	m := &liveness.Model{Checks: make([]liveness.Limits, len(liveness.Checks))}
	for i, c := range liveness.Checks {
		m.Checks[i] = limits(&c, living, i)
	}
	if err := surprises(m, living); err != nil {
		return nil, err
	}
	if err := kinds(m, data); err != nil {
		return nil, err
	}
	regress(m, data)
	sums := make([]float64, len(living))
	for i, p := range living {
		sums[i] = m.Sum(p.Values)
	}
	m.Bias = -quantile(sums, 1-accepted)
	round(m)
	return m, nil
}

// Without is the data without one species.
func Without(data []Presentation, species string) []Presentation {
	return slices.DeleteFunc(slices.Clone(data), func(p Presentation) bool { return p.Species == species })
}

func incomplete(p Presentation) bool {
	return len(p.Values) != len(liveness.Checks) || slices.ContainsFunc(p.Values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// limits are those of check i: the middle is where 80 % of the living are,
// and the limits lie outside of all of them.
func limits(c *liveness.Check, living []Presentation, i int) liveness.Limits {
	if c.Given != nil {
		l := *c.Given
		l.Name, l.Below, l.Above = c.Name, prior, prior
		return l
	}
	v := make([]float64, len(living))
	for k, p := range living {
		v[k] = p.Values[i]
	}
	l := liveness.Limits{Name: c.Name, Fall: fall(v)}
	l.Min = min(slices.Min(v)-2*l.Width, l.Low-5*l.Width)
	l.Max = max(slices.Max(v)+2*l.Width, l.High+5*l.Width)
	if c.Error { // physics leaves less room than hands do
		l.Low, l.Middle, l.Min = 0, 0, -l.Width
		l.Max = max(slices.Max(v)+l.Width/2, l.High+3.5*l.Width)
	}
	if c.Alone {
		l.Min = quantile(v, refusedAlone)
	}
	return l
}

// fall is where living palms have v, which it sorts.
func fall(v []float64) liveness.Fall {
	f := liveness.Fall{Low: quantile(v, 0.1), High: quantile(v, 0.9), Middle: quantile(v, 0.5), Below: prior, Above: prior}
	f.Width = max((f.High-f.Low)/2.56, 1e-3) // of a normal distribution: its deviation
	// The tails of living palms are not always as short as a normal
	// distribution's, so a width is at least what takes 1 in 1000 three of them out.
	f.Width = max(f.Width, (f.Low-quantile(v, 0.001))/3, (quantile(v, 0.999)-f.High)/3)
	return f
}

// quantile of v, which it sorts.
func quantile(v []float64, q float64) float64 {
	slices.Sort(v)
	at := q * float64(len(v)-1)
	i := min(int(at), len(v)-2)
	f := at - float64(i)
	return v[i]*(1-f) + v[i+1]*f
}

// regress learns the weights.
func regress(m *liveness.Model, data []Presentation) {
	x, y, weight := features(m, data)
	w := make([]float64, perCheck*2*len(m.Checks))
	for i := range w {
		w[i] = priors[i%perCheck]
	}
	bias := 3.0
	// Features are squares up to 36, so the steps are small; each coordinate's
	// is scaled by what has been seen of its slope (Duchi et al. 2011, AdaGrad).
	seen := make([]float64, len(w)+1)
	for round := range rounds {
		if round%100 == 99 {
			stress(data, x, w, bias, weight)
		}
		slope := make([]float64, len(w)+1)
		for k, row := range x {
			score := bias
			for i, f := range row {
				score -= w[i] * f
			}
			d := weight[k] * (1/(1+math.Exp(-score)) - y[k])
			slope[len(w)] += d
			for i, f := range row {
				slope[i] -= d * f
			}
		}
		for i := range w {
			slope[i] += trust * (w[i] - priors[i%perCheck])
			seen[i] += slope[i] * slope[i]
			w[i] = max(priors[i%perCheck]/6, min(5, w[i]-0.05*slope[i]/math.Sqrt(seen[i]+1e-12)))
		}
		seen[len(w)] += slope[len(w)] * slope[len(w)]
		bias -= 0.1 * slope[len(w)] / math.Sqrt(seen[len(w)]+1e-12)
	}
	for i := range m.Checks {
		for k, f := range []*liveness.Fall{&m.Checks[i].Fall, &m.Surprises[i].Fall} {
			v := w[perCheck*(2*i+k):]
			f.Less, f.More, f.Below, f.Above = v[0], v[1], v[2], v[3]
		}
	}
}

// stress shares the attacks' half of the weight among the species by how badly
// each is told from the living so far, for the worst one is what counts.
func stress(data []Presentation, x [][]float64, w []float64, bias float64, weight []float64) {
	loss, count := map[string]float64{}, map[string]float64{}
	for k, p := range data {
		if p.Species == "" {
			continue
		}
		score := bias
		for i, f := range x[k] {
			score -= w[i] * f
		}
		loss[p.Species] += math.Log1p(math.Exp(score))
		count[p.Species]++
	}
	names := slices.Sorted(maps.Keys(count)) // one order, so that sums come out the same
	sum := 0.0
	for _, s := range names {
		loss[s] = 0.02 + loss[s]/count[s]
		sum += loss[s]
	}
	for k, p := range data {
		if p.Species != "" {
			weight[k] = 0.5 * loss[p.Species] / sum / count[p.Species]
		}
	}
}

// features are by how much each presentation is off, what it is (1 living),
// and what it counts.
func features(m *liveness.Model, data []Presentation) (x [][]float64, y, weight []float64) {
	count := map[string]float64{}
	for _, p := range data {
		count[p.Species]++
	}
	for _, p := range data {
		row, surprises := make([]float64, 0, perCheck*2*len(m.Checks)), m.Surprised(p.Values)
		for i := range m.Checks {
			row = append(row, falls(&m.Checks[i].Fall, p.Values[i])...)
			row = append(row, falls(&m.Surprises[i].Fall, surprises[i])...)
		}
		x = append(x, row)
		if p.Species == "" {
			y, weight = append(y, 1), append(weight, 0.5/count[""])
		} else {
			y, weight = append(y, 0), append(weight, 0.5/count[p.Species]/float64(len(count)-1))
		}
	}
	return x, y, weight
}

func falls(f *liveness.Fall, v float64) []float64 {
	less, more, below, above := f.Off(v)
	below, above = min(below, farthest), min(above, farthest)
	return []float64{min(less, farthest), min(more, farthest), below * below, above * above}
}

// round keeps five digits, so that a model on paper is the model.
func round(m *liveness.Model) {
	five := func(v *float64) {
		if *v == 0 {
			return
		}
		scale := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(*v))))
		*v = math.Round(*v*scale) / scale
	}
	five(&m.Bias)
	for i := range m.Checks {
		five(&m.Checks[i].Min)
		five(&m.Checks[i].Max)
		for _, f := range []*liveness.Fall{&m.Checks[i].Fall, &m.Surprises[i].Fall} {
			for _, v := range []*float64{&f.Low, &f.High, &f.Middle, &f.Width, &f.Less, &f.More, &f.Below, &f.Above} {
				five(v)
			}
		}
		for k := range m.Surprises[i].Weights {
			five(&m.Surprises[i].Weights[k])
		}
	}
	distribution := func(n *liveness.Normal) {
		five(&n.Root)
		for i := range n.Mean {
			five(&n.Mean[i])
			for k := range n.Inverse[i] {
				five(&n.Inverse[i][k])
			}
		}
	}
	distribution(&m.Living)
	for i := range m.Kinds {
		five(&m.Kinds[i].Margin)
		distribution(&m.Kinds[i].Normal)
	}
}
