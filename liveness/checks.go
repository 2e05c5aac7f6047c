package liveness

import "math"

// A Check measures one thing that skin over blood does and that paper, ink,
// rubber and screens do not. README.md in this folder has what each measures
// on living and on false palms.
type Check struct {
	Name    string
	Crops   bool // runs on the crops alone
	measure func(*scene) float64

	// Given are limits that are not learnt: what they are about is the room
	// and the unit, of which synthetic palms know one.
	Given *Limits

	// Error says that the value is a departure from physics: the smaller the better.
	Error bool

	// Matter says that the value tells what the thing is made of, rather than of its
	// shape or of the light.
	Matter bool

	// Alone says that too low a value refuses by itself, whatever all others are: no
	// other check would miss what it looks for.
	Alone bool
}

// Checks are all checks, in the order in which values are given.
var Checks = []Check{
	{Name: "lamps answer", measure: lampsAnswer, Given: &Limits{Min: 0, Max: 0.6, Fall: Fall{Low: 0, High: 0.4, Middle: 0, Width: 0.06}}},
	{Name: "no infrared in colour", measure: onlyWhiteIsSeen, Given: &Limits{Min: -0.15, Max: 0.15, Fall: Fall{Low: -0.06, High: 0.06, Middle: 0, Width: 0.03}}},
	{Name: "no white in infrared", measure: onlyInfraredIsSeen, Given: &Limits{Min: -0.15, Max: 0.15, Fall: Fall{Low: -0.06, High: 0.06, Middle: 0, Width: 0.03}}},
	{Name: "code in infrared", measure: func(s *scene) float64 { return s.codeError(nir) }, Given: &Limits{Min: -0.1, Max: 0.3, Fall: Fall{Low: 0, High: 0.12, Middle: 0, Width: 0.03}}},
	{Name: "code in colour", measure: func(s *scene) float64 { return s.codeError(rgb) }, Given: &Limits{Min: -0.1, Max: 0.3, Fall: Fall{Low: 0, High: 0.12, Middle: 0, Width: 0.03}}},
	{Name: "corners add up in infrared", measure: func(s *scene) float64 { return s.sumError(nir) }, Error: true},
	{Name: "corners add up in colour", measure: func(s *scene) float64 { return s.sumError(rgb) }, Error: true},
	{Name: "shape by shading", measure: func(s *scene) float64 { return logarithm(s.bent[rgb].spread, 0.1) }},
	{Name: "bent both ways", measure: func(s *scene) float64 { return logarithm(s.bent[rgb].least, 0.1) }},
	{Name: "tilt by shading", measure: tilt, Error: true},
	{Name: "soft in infrared", measure: softness},
	{Name: "gloss in infrared", measure: func(s *scene) float64 { return s.bent[nir].gloss }},
	{Name: "gloss in colour", measure: func(s *scene) float64 { return s.bent[rgb].gloss }},
	{Name: "relief", measure: relief},
	{Name: "relief is no cylinder", measure: noCylinder},
	{Name: "reflectance at 850", Matter: true, measure: func(s *scene) float64 { return math.Log(s.albedo(at850)) }},
	{Name: "water", Matter: true, measure: water},
	{Name: "melanin", Matter: true, measure: melanin},
	{Name: "blood", Matter: true, measure: blood},
	{Name: "blood that flows", Matter: true, measure: flowing, Alone: true},
	{Name: "blotches of blood", Matter: true, measure: func(s *scene) float64 { return s.blotches(bloodIn) }},
	{Name: "blotches of pigment", Matter: true, measure: func(s *scene) float64 { return s.blotches(pigmentIn) }},
	{Name: "blotches in infrared", Matter: true, measure: func(s *scene) float64 {
		return s.blotches(func(c *cell) float64 { return math.Log(c.full[at850] / c.all(at850)) })
	}},
	{Name: "850 like 940", Matter: true, Crops: true, measure: skinIsAlike},
	{Name: "translucency", Matter: true, Crops: true, measure: translucency},
	{Name: "two pictures", Matter: true, Crops: true, measure: notOnePicture},
	{Name: "veins", Matter: true, Crops: true, measure: veins},
	{Name: "vein spectrum", Matter: true, Crops: true, measure: veinSpectrum},
	{Name: "motion", measure: motion, Given: &Limits{Min: -0.8, Max: 1.5, Fall: Fall{Low: -0.2, High: 1.1, Middle: 0.45, Width: 0.15}}},
}

// logarithm is that of a positive value, of least where it is less. What
// varies by factors among the living is judged by its logarithm.
func logarithm(v, least float64) float64 {
	if math.IsNaN(v) {
		return v
	}
	return math.Log(max(v, least))
}

// fisher makes of a correlation what is normally distributed (Fisher 1915).
func fisher(r float64) float64 { return math.Atanh(max(-0.9999, min(0.9999, r))) }
