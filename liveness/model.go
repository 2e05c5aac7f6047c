package liveness

import "math"

// Model is what was learnt from presentations. The zero Model refuses.
type Model struct {
	Checks []Limits // of each check, in the order of Checks
	Bias   float64  // the score of a palm whose every value is in the middle
}

// Limits are one check's part of a model. Living palms have values between
// Min and Max. The score falls from Middle on by Less or More for every Width,
// and beyond Low and High by Below or Above for every Width, squared.
type Limits struct {
	Name         string
	Min, Max     float64
	Low, High    float64
	Middle       float64
	Width        float64
	Less, More   float64
	Below, Above float64
}

// Off is by how many widths a value lies below and above the middle, and
// below and above where most living palms are.
func (l *Limits) Off(v float64) (less, more, below, above float64) {
	return max(0, l.Middle-v) / l.Width, max(0, v-l.Middle) / l.Width, max(0, l.Low-v) / l.Width, max(0, v-l.High) / l.Width
}

// score is what a value adds to the verdict's: 0 or less, and less the
// farther the value is from the middle.
func (l *Limits) score(v float64) float64 {
	less, more, below, above := l.Off(v)
	return -l.Less*less - l.More*more - l.Below*below*below - l.Above*above*above
}

// Sum is the score of values without the bias. One that is not a number makes
// it one.
func (m *Model) Sum(values []float64) float64 {
	sum := 0.0
	for i := range m.Checks {
		sum += m.Checks[i].score(values[i])
	}
	return sum
}

// Accepts tells whether values, as Measure gives them, are a living palm's.
func (m *Model) Accepts(values []float64) bool { return m.Weigh(values).Live() }

// Weigh is the verdict on values, as Measure gives them; on others it is the zero one.
func (m *Model) Weigh(values []float64) Verdict {
	if len(values) != len(Checks) {
		return Verdict{}
	}
	v := Verdict{Results: make([]Result, len(Checks))}
	for i, c := range Checks {
		v.Results[i] = Result{Name: c.Name, Ran: !math.IsNaN(values[i]) && !math.IsInf(values[i], 0), Value: values[i]}
	}
	m.weigh(&v)
	return v
}

// weigh fills in what follows from the values.
func (m *Model) weigh(v *Verdict) {
	if m == nil || len(m.Checks) != len(v.Results) {
		for i := range v.Results {
			v.Results[i].Ran = false
		}
		return
	}
	score := m.Bias
	for i := range v.Results {
		r, l := &v.Results[i], &m.Checks[i]
		if r.Name != l.Name || !(l.Width > 0) {
			r.Ran = false
			continue
		}
		r.Min, r.Max = l.Min, l.Max
		if r.Ran {
			r.Score = l.score(r.Value)
			score += r.Score
		}
	}
	v.Score = score
}
