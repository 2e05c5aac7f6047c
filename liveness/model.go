package liveness

import "math"

// Model is what was learnt from presentations. The zero Model refuses.
type Model struct {
	Checks    []Limits   // of each check, in the order of Checks
	Surprises []Surprise // of each check, in the same order
	Bias      float64    // the score of a palm whose every value is in the middle
	Living    Normal     // of matter
	Kinds     []Kind     // of attacks that were seen
}

// Surprise is about a value among the others. Living palms differ in tone, in
// relief, in how warm they are, and then differ in several values together: one
// that is usual by itself can be what no palm has that has the others. The fall is
// that of the weighted sum of all values, each by how many of its Widths it is off its Middle;
// the weights are a row of the inverse of living palms' covariance, its own being 1
// (partial correlation; Whittaker 1990, "Graphical models in applied multivariate
// statistics", section 5.8). No weights are no surprise.
type Surprise struct {
	Weights []float64
	Fall
}

// of is the surprise at values that are off by so many widths.
func (s *Surprise) of(off []float64) float64 {
	sum := 0.0
	for i, w := range s.Weights {
		sum += w * off[i]
	}
	return sum
}

// Limits are one check's part of a model. Living palms have values between
// Min and Max.
type Limits struct {
	Name     string
	Min, Max float64
	Fall
}

// Fall is how the score falls: from Middle on by Less or More for every Width,
// and beyond Low and High by Below or Above for every Width, squared.
type Fall struct {
	Low, High    float64
	Middle       float64
	Width        float64
	Less, More   float64
	Below, Above float64
}

// Off is by how many widths a value lies below and above the middle, and
// below and above where most living palms are.
func (l *Fall) Off(v float64) (less, more, below, above float64) {
	return max(0, l.Middle-v) / l.Width, max(0, v-l.Middle) / l.Width, max(0, l.Low-v) / l.Width, max(0, v-l.High) / l.Width
}

// score is what a value adds to the verdict's: 0 or less, and less the
// farther the value is from the middle.
func (l *Fall) score(v float64) float64 {
	less, more, below, above := l.Off(v)
	return -l.Less*less - l.More*more - l.Below*below*below - l.Above*above*above
}

// scores are what each check adds to the verdict's score, by its value and by
// its surprise.
func (m *Model) scores(values []float64) []float64 {
	scores, surprises := make([]float64, len(values)), m.Surprised(values)
	for i, v := range values {
		scores[i] = m.Checks[i].score(v) + m.Surprises[i].score(surprises[i])
	}
	return scores
}

// Surprised are the surprises at values, 0 where a check has none.
func (m *Model) Surprised(values []float64) []float64 {
	off, out := make([]float64, len(values)), make([]float64, len(values))
	for i, v := range values {
		off[i] = (v - m.Checks[i].Middle) / m.Checks[i].Width
	}
	for i := range out {
		out[i] = m.Surprises[i].of(off)
	}
	return out
}

// Sum is the score of values without the bias. One that is not a number makes
// it one.
func (m *Model) Sum(values []float64) float64 {
	sum := 0.0
	for _, v := range m.scores(values) {
		sum += v
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
	if !m.knows(v.Results) {
		for i := range v.Results {
			v.Results[i].Ran = false
		}
		return
	}
	values := make([]float64, len(v.Results))
	ran := true
	for i, r := range v.Results {
		ran = ran && r.Ran
		if values[i] = m.Checks[i].Middle; r.Ran {
			values[i] = r.Value
		}
	}
	v.Score = m.Bias
	for i, score := range m.scores(values) {
		r, l := &v.Results[i], &m.Checks[i]
		r.Min, r.Max = l.Min, l.Max
		if r.Ran {
			r.Score = score
			v.Score += score
		}
	}
	v.Known = m.unlike(values, ran)
}

// knows tells whether the model is whole and about these checks.
func (m *Model) knows(results []Result) bool {
	if m == nil || len(m.Checks) != len(results) || len(m.Surprises) != len(results) {
		return false
	}
	for i, r := range results {
		c, s := &m.Checks[i], &m.Surprises[i]
		if r.Name != c.Name || !(c.Width > 0) || !(s.Width > 0) || s.Weights != nil && len(s.Weights) != len(results) {
			return false
		}
	}
	return m.tells()
}

// tells tells whether the distributions are of the checks that tell of matter.
func (m *Model) tells() bool {
	matter := 0
	for _, c := range Checks {
		if c.Matter {
			matter++
		}
	}
	for i := range m.Kinds {
		if !m.Kinds[i].of(matter) {
			return false
		}
	}
	return m.Living.of(matter)
}
