package fit

import (
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"volar/liveness"
)

const (
	// shrinkage is how much of a kind's covariance is the living's: a kind has been seen a
	// hundred times, and every value makes its covariance larger (Friedman 1989, "Regularized discriminant analysis").
	shrinkage = 0.1

	// seen is how often a kind must have been seen: fewer do not tell how thirteen values are distributed.
	seen = 30

	// blocks are the parts into which the data are cut, one of which at a time is judged by
	// the others. People follow each other in the data, so few are in two.
	blocks = 6

	// parted is the share of a kind that its margin is to refuse, unless it
	// takes more than spare of the living.
	parted = 0.999
	spare  = 0.003

	// fewest is the share of a kind that it must refuse even so. What is made of living skin
	// is told by other things.
	fewest = 0.9
)

// kinds fits a distribution to the living and to each kind of attack, and how much
// likelier a palm must be than the kind.
func kinds(m *liveness.Model, data []Presentation) error {
	of := matter(m, data)
	var err error
	if m.Living, err = normal(of[""], nil); err != nil {
		return err
	}
	for _, name := range species(data) {
		if len(of[name]) < seen {
			continue
		}
		likely, err := normal(of[name], of[""])
		if err != nil {
			return err
		}
		living, attacks, err := apart(m, data, name)
		if err != nil {
			return err
		}
		margin := min(quantile(attacks, parted), quantile(living, spare))
		refused, _ := slices.BinarySearch(attacks, margin) // quantile has sorted them
		if float64(refused) < fewest*float64(len(attacks)) {
			continue
		}
		m.Kinds = append(m.Kinds, liveness.Kind{Name: name, Normal: likely, Margin: margin})
	}
	return nil
}

// apart is by how much the living and one kind are likelier to be living, in
// distributions of the other blocks.
func apart(m *liveness.Model, data []Presentation, name string) (living, attacks []float64, err error) {
	for b := range blocks {
		from, to := b*len(data)/blocks, (b+1)*len(data)/blocks
		rest := matter(m, slices.Concat(data[:from], data[to:]))
		own, err := normal(rest[""], nil)
		if err != nil {
			return nil, nil, err
		}
		other, err := normal(rest[name], rest[""])
		if err != nil {
			return nil, nil, err
		}
		for _, p := range data[from:to] {
			switch d := liveness.Likelier(&own, &other, m.Matter(p.Values)); p.Species {
			case "":
				living = append(living, d)
			case name:
				attacks = append(attacks, d)
			}
		}
	}
	return living, attacks, nil
}

// matter is what each species is made of, as values of the checks that tell of it.
func matter(m *liveness.Model, data []Presentation) map[string][][]float64 {
	of := map[string][][]float64{}
	for _, p := range data {
		of[p.Species] = append(of[p.Species], m.Matter(p.Values))
	}
	return of
}

// normal fits a distribution to rows of values; where living rows are given, its covariance is
// shrunk towards theirs.
func normal(rows, living [][]float64) (n liveness.Normal, err error) {
	if len(rows) < 2 {
		return n, fmt.Errorf("fit: %d presentations of a kind, needs 2", len(rows))
	}
	covariance := spread(rows)
	if living != nil {
		towards := spread(living)
		covariance.ScaleSym(1-shrinkage, covariance)
		towards.ScaleSym(shrinkage, towards)
		covariance.AddSym(covariance, towards)
	}
	var c mat.Cholesky
	if !c.Factorize(covariance) {
		return n, errors.New("fit: what values have in common cannot be told")
	}
	var inverse mat.SymDense
	if err := c.InverseTo(&inverse); err != nil {
		return n, fmt.Errorf("fit: what values have in common: %w", err)
	}
	n.Root = c.LogDet() / 2
	for i := range rows[0] {
		column, row := make([]float64, len(rows)), make([]float64, i+1)
		for k := range rows {
			column[k] = rows[k][i]
		}
		n.Mean = append(n.Mean, stat.Mean(column, nil))
		for k := range row {
			row[k] = inverse.At(i, k)
		}
		n.Inverse = append(n.Inverse, row)
	}
	return n, nil
}

// spread is the covariance of rows of values.
func spread(rows [][]float64) *mat.SymDense {
	x := mat.NewDense(len(rows), len(rows[0]), slices.Concat(rows...))
	c := new(mat.SymDense)
	stat.CovarianceMatrix(c, x, nil)
	return c
}

// species are those of the data.
func species(data []Presentation) []string {
	var names []string
	for _, p := range data {
		if p.Species != "" && !slices.Contains(names, p.Species) {
			names = append(names, p.Species)
		}
	}
	slices.Sort(names)
	return names
}
