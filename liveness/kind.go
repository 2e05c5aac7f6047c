package liveness

import "math"

// Kind is a kind of attack that is known: what the values of the checks that tell of
// matter are like when it is shown. Limits and surprises ask how odd a palm is,
// whatever else it may be; a kind asks which of two explanations is the better one (Neyman and
// Pearson 1933), and so tells apart what is odd in no single value.
type Kind struct {
	Name string
	Normal
	Margin float64 // what the logarithm of the likelihood of a living palm over that of the kind must be at least
}

// Normal is a normal distribution of these values, each in widths off the middle of the living.
type Normal struct {
	Mean    []float64
	Inverse [][]float64 // of the covariance; row i has columns 0 to i
	Root    float64     // half of the logarithm of the covariance's determinant
}

// farthest is how many widths off a value counts as at most.
const farthest = 8

// log is the logarithm of the density at such values, but for a constant.
func (n *Normal) log(off []float64) float64 {
	sum := 0.0
	for i, row := range n.Inverse {
		d := off[i] - n.Mean[i]
		for k, w := range row[:i] {
			sum += 2 * w * d * (off[k] - n.Mean[k])
		}
		sum += row[i] * d * d
	}
	return -sum/2 - n.Root
}

// of tells whether the distribution is one of so many values.
func (n *Normal) of(values int) bool {
	if len(n.Mean) != values || len(n.Inverse) != values {
		return false
	}
	for i, row := range n.Inverse {
		if len(row) != i+1 {
			return false
		}
	}
	return true
}

// Matter are the values that tell of matter, in widths off the middle.
func (m *Model) Matter(values []float64) []float64 {
	var off []float64
	for i, c := range Checks {
		if c.Matter {
			l := &m.Checks[i]
			off = append(off, max(-farthest, min(farthest, (values[i]-l.Middle)/l.Width)))
		}
	}
	return off
}

// Likelier is the logarithm of the likelihood of such values in the living over that in a kind.
func Likelier(living, kind *Normal, off []float64) float64 { return living.log(off) - kind.log(off) }

// unlike compares with every kind. What could not be measured is like none, and refuses by itself.
func (m *Model) unlike(values []float64, ran bool) []Result {
	off := m.Matter(values)
	results := make([]Result, len(m.Kinds))
	for i := range m.Kinds {
		k := &m.Kinds[i]
		results[i] = Result{Name: "unlike " + k.Name, Ran: ran, Min: k.Margin, Max: math.MaxFloat64}
		if ran {
			results[i].Value = Likelier(&m.Living, &k.Normal, off)
		}
	}
	return results
}
