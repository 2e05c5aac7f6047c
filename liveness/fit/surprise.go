package fit

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"volar/liveness"
)

const (
	// ridge is added to the variance of every value, in squared widths: what
	// living palms have in common closer than that may be chance.
	ridge = 0.05

	// outlier is by how many widths a value may be off and still count whole in
	// what values have in common.
	outlier = 4
)

// surprises fits what each value is among the others, of all values whose
// limits are learnt and two-sided.
func surprises(m *liveness.Model, living []Presentation) error {
	m.Surprises = make([]liveness.Surprise, len(m.Checks))
	for i := range m.Surprises {
		m.Surprises[i].Fall = liveness.Fall{Low: -1, High: 1, Width: 1, Below: prior, Above: prior} // of nothing
	}
	var joint []int
	for i, c := range liveness.Checks {
		if c.Given == nil && !c.Error {
			joint = append(joint, i)
		}
	}
	var inverse mat.Dense
	if err := inverse.Inverse(covariance(m, living, joint)); err != nil {
		return fmt.Errorf("fit: what living palms' values have in common: %w", err)
	}
	for a, i := range joint {
		weights := make([]float64, len(m.Checks))
		for b, k := range joint {
			weights[k] = inverse.At(a, b) / inverse.At(a, a)
		}
		m.Surprises[i].Weights = weights
	}
	of := make([][]float64, len(m.Checks))
	for _, p := range living {
		for i, v := range m.Surprised(p.Values) {
			of[i] = append(of[i], v)
		}
	}
	for _, i := range joint {
		f := fall(of[i])
		f.Low, f.Middle, f.High = min(f.Low, 0), 0, max(f.High, 0)
		m.Surprises[i].Fall = f
	}
	return nil
}

// covariance is that of values, in widths off the middle.
func covariance(m *liveness.Model, living []Presentation, of []int) *mat.SymDense {
	sum := mat.NewSymDense(len(of), nil)
	off := mat.NewVecDense(len(of), nil)
	for _, p := range living {
		for a, i := range of {
			l := &m.Checks[i]
			off.SetVec(a, max(-outlier, min(outlier, (p.Values[i]-l.Middle)/l.Width)))
		}
		sum.SymRankOne(sum, 1/float64(len(living)), off)
	}
	for a := range of {
		sum.SetSym(a, a, sum.At(a, a)+ridge)
	}
	return sum
}
