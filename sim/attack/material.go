package attack

import (
	"volar/sim/palm"
)

// Reflectances are diffuse, at about 610, 530 and 460 nm and at 850 and 940 nm.
// Where a source gives a curve they are read off it; README.md has the sources.

// paper is bleached office or photo paper: cellulose, chalk and brighteners.
// It is flat through the near infrared; its water (5 %) and cellulose take
// 1 or 2 % more at 940 than at 850 nm.
var paper = palm.Reflectance{0.85, 0.86, 0.88, 0.88, 0.87}

// carbon is soot, the black of every laser printer and of pigment inks: it
// absorbs alike from the ultraviolet to beyond 2 µm.
var carbon = palm.Reflectance{0.045, 0.045, 0.045, 0.05, 0.05}

// Transmittances, there and back, of a full layer of process inks. Organic
// dyes and pigments absorb by electronic transitions that end at 750 nm:
// quinacridone (magenta) and azo yellow wholly, copper phthalocyanine (cyan)
// but for a rest at 850 nm.
var (
	cyan    = palm.Reflectance{0.06, 0.42, 0.72, 0.93, 0.98}
	magenta = palm.Reflectance{0.78, 0.10, 0.38, 0.99, 0.99}
	yellow  = palm.Reflectance{0.97, 0.90, 0.09, 0.99, 0.99}
	// dyeBlack is the composite black of dye inks: grey to the eye, gone at 850 nm.
	dyeBlack = palm.Reflectance{0.05, 0.05, 0.05, 0.90, 0.96}
)

// printed is a halftone on the sheet (Neugebauer's model with Demichel's
// weights: inks lie independently).
func (p *press) printed(q inks) palm.Reflectance {
	out := p.sheet
	for i := range out {
		out[i] *= (1 - q[0]*(1-cyan[i])) * (1 - q[1]*(1-magenta[i])) * (1 - q[2]*(1-yellow[i]))
		if p.opaque {
			out[i] += q[3] * (p.black[i] - out[i])
		} else {
			out[i] *= 1 - q[3]*(1-p.black[i])
		}
	}
	return out
}

// inks are shares of a sheet that each ink covers: cyan, magenta, yellow, black.
type inks [4]float32

// separate finds the inks whose print on a sheet looks like a colour; share
// is how much of what all three have in common is printed in black.
func (p *press) separate(want palm.Reflectance) (q inks) {
	rest := [3]float32{cyan[palm.Red], magenta[palm.Green], yellow[palm.Blue]}
	for i := range rest {
		q[i] = clamp((1-want[i]/p.sheet[i])/(1-rest[i]), 0, 1)
	}
	q[3] = p.share * min(q[0], min(q[1], q[2]))
	// Each ink answers for one colour and takes a little from the others: what is
	// missing or too much is made up for in turn (Gauss and Seidel).
	for range 3 {
		for i := range rest {
			got := p.printed(q)
			q[i] = clamp(q[i]+(got[i]-want[i])/(p.sheet[i]*(1-rest[i])*(1-q[3])+0.05), 0, 1)
		}
	}
	return q
}

func clamp(v, lo, hi float32) float32 { return max(lo, min(hi, v)) }

// mix is a share of b in a.
func mix(a, b palm.Reflectance, share float32) palm.Reflectance {
	for i := range a {
		a[i] += share * (b[i] - a[i])
	}
	return a
}

// over is a scattering layer (reflectance r, transmittance t, both diffuse)
// on a ground: Kubelka's formula for light that goes to and fro between them.
func over(r, t, ground palm.Reflectance) palm.Reflectance {
	for i := range r {
		r[i] += t[i] * t[i] * ground[i] / (1 - r[i]*ground[i])
	}
	return r
}

// tone is a colour of the visible with the near infrared of a base material
// that pigments have made darker: iron oxides, the pigments of skin-coloured
// rubber and wax, absorb half as strongly at 850 and 940 nm as in the red.
func tone(visible, base palm.Reflectance, load float32) palm.Reflectance {
	out := visible
	for _, i := range []int{palm.At850, palm.At940} {
		out[i] = base[i] * (1 - load)
	}
	return out
}
