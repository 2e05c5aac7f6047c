package liveness

import "math"

// blood is the logarithm of red over green under white light. Haemoglobin
// absorbs fifty times as much at 540 nm as at 630 nm (Jacques 2013, figure 4),
// so that skin of every tone, cold hands included, is redder than it is green;
// grey pictures, such as prints of near-infrared ones, are not.
func blood(s *scene) float64 { return s.tint(func(c *cell) float64 { return c.redder }) }

// tint is the logarithm of a ratio of colours, the median over the cells that have it.
func (s *scene) tint(of func(*cell) float64) float64 {
	var v []float64
	for i := range s.cells {
		if r := of(&s.cells[i]); r > 0 {
			v = append(v, r)
		}
	}
	if !enough(v) {
		return math.NaN()
	}
	return math.Log(median(v))
}

// enough tells whether so many cells have a colour that it can be told of the palm.
func enough(v []float64) bool { return float64(len(v)) >= fewest*cellCount/4 }

// haemoglobin is the amount of blood whatever the tone of the skin is: the
// logarithm of red over green, less what melanin explains of it as red over
// 850 nm shows melanin. Melanin's absorption falls as the wavelength to the
// power 3.48 (Jacques 2013, section 3.2): from 530 to 610 nm by 0.92 of what it falls by
// from 610 to 850 nm, where haemoglobin hardly absorbs. What is left is blood
// (Tsumura et al. 1999, "Independent-component analysis of skin color image"),
// which paint lacks, and hands without blood flow.
func haemoglobin(s *scene) float64 {
	redOverGreen := blood(s)
	redOver850 := redOverGreen + math.Log(s.albedo(white)/s.albedo(at850))
	return redOverGreen + 0.92*redOver850
}

// oxygenated is the amount of blood with oxygen in it. Blood without takes
// three times as much red and half as much blue as blood with it and as much green
// (Prahl 1998), so it counts less in haemoglobin, and blue tells of it once more.
// Hands differ in more than blood and tone: fat below the skin sends back
// infrared, which haemoglobin takes for a want of melanin, and light mirrored at the
// surface fills up blue, most in dark skin. The parts that blue over green and
// the reflectance at 850 nm have are those with which living hands lie closest together.
func oxygenated(s *scene) float64 {
	blueOverGreen := s.tint(func(c *cell) float64 { return c.bluer })
	return haemoglobin(s) - 0.2*blueOverGreen + 0.35*math.Log(s.albedo(at850))
}

// blotches is how unevenly something lies in the palm, as a logarithm: the deviation over the cells of what
// each tells of it, which it does not where it gives NaN.
func (s *scene) blotches(of func(*cell) float64) float64 {
	var v []float64
	for i := range s.cells {
		if a := of(&s.cells[i]); !math.IsNaN(a) {
			v = append(v, a)
		}
	}
	if !enough(v) {
		return math.NaN()
	}
	middle := median(v)
	for i, a := range v {
		v[i] = math.Abs(a - middle)
	}
	return logarithm(1.48*median(v), 0.002) // 1.48 makes a median a normal distribution's deviation
}

// Where there is more blood, ln(red/green) is higher by 0.36 of an amount that is usual in a palm and
// ln(blue/green) lower by 0.05 (Prahl 1998, 75 % with oxygen); where there is more melanin, the one is higher by 0.4 and the other
// lower by 0.6 of what the darkest palms hold (the power 3.48). So a cell's two colours tell of both
// (Tsumura et al. 1999).

// bloodIn is the amount of blood in a cell, but for a constant of the palm. The balls of a palm are redder than its hollow, and vessels
// differ from place to place. A hand that has bled keeps as little of these differences as it keeps of its blood, and paint of one colour
// has none; gloss and fat, which shift the colour of a palm as a whole, leave them as they are.
func bloodIn(c *cell) float64 { return c.mixture(0.6, 0.4) }

// pigmentIn is the amount of melanin in a cell, but for a constant of the palm: it stays when blood goes.
func pigmentIn(c *cell) float64 { return c.mixture(-0.05, -0.36) }

// mixture solves for one of two dyes, whose weights on the two colours are given.
func (c *cell) mixture(red, blue float64) float64 {
	if c.redder == 0 || c.bluer == 0 {
		return math.NaN()
	}
	return (red*math.Log(c.redder) + blue*math.Log(c.bluer)) / 0.196 // 0.36*0.6 - 0.05*0.4
}

// flowing is the amount of oxygenated blood, and how unevenly it lies: a pale palm has little
// and a cold one less, but where blood flows its colour changes from place to place. The part that this has is that with
// which living palms lie closest together.
func flowing(s *scene) float64 { return oxygenated(s) + 0.12*s.blotches(bloodIn) }
