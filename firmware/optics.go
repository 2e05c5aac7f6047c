package firmware

import (
	"volar/firmware/capture"
	"volar/firmware/liveness"
	"volar/firmware/quality"
	"volar/firmware/seal"
	"volar/hal"
	"volar/wire"
)

// optics is the part that sees. eyes is the real one; tests that are about
// the machine have one of their own.
type optics interface {
	// locate finds the palm in one look.
	locate(lit, dark *hal.Frame) (quality.Palm, wire.Hand, error)

	// rectify cuts the palm out of a burst.
	rectify(*capture.Burst) (*rectified, error)
}

// rectified is a palm that was cut out of a burst.
type rectified struct {
	hand             wire.Hand
	place            quality.Palm
	distance         float64 // mm
	tilt             float64 // degrees
	pace             float64 // mm a second across the view
	relief           float64 // root mean square, mm
	rgb              []byte
	nir850, nir940   []byte
	rgbMask, nirMask []byte
	proof            wire.Proof
}

func (p *rectified) wipe() {
	if p == nil {
		return
	}
	for _, b := range [][]byte{p.rgb, p.nir850, p.nir940, p.rgbMask, p.nirMask} {
		clear(b)
	}
	p.proof.Wipe()
}

// wave is what package quality measures.
func (p *rectified) wave(b *capture.Burst) *quality.Wave {
	return &quality.Wave{
		Lit: &b.NIR850.NIR, Dark: &b.Dark.NIR, Palm: p.place,
		Distance: p.distance, Tilt: p.tilt, Pace: p.pace,
		RGB: p.rgb, NIR: p.nir850, RGBMask: p.rgbMask, NIRMask: p.nirMask,
	}
}

// evidence is what package liveness judges.
func (p *rectified) evidence(b *capture.Burst, cal *hal.Calibration) *liveness.Evidence {
	e := &liveness.Evidence{
		RGB: p.rgb, NIR850: p.nir850, NIR940: p.nir940, RGBMask: p.rgbMask, NIRMask: p.nirMask,
		Relief: p.relief,
	}
	toRGB := beside(cal, &p.place.ToImage, p.distance)
	for l, s := range map[liveness.Lamp]*hal.Shot{
		liveness.Dark: &b.Dark, liveness.White: &b.White, liveness.At850: &b.NIR850, liveness.At940: &b.NIR940,
	} {
		e.RGBLevels[l] = liveness.Level{Mean: liveness.Mean(&s.RGB, &toRGB), Exposure: s.RGB.Exposure}
		e.NIRLevels[l] = liveness.Level{Mean: liveness.Mean(&s.NIR, &p.place.ToImage), Exposure: s.NIR.Exposure}
	}
	return e
}

// sealed is what package seal makes a sample of.
func (p *rectified) sealed(grade uint8) *seal.Palm {
	return &seal.Palm{
		Hand: p.hand, Distance: p.distance, Tilt: p.tilt, Quality: grade,
		RGB: p.rgb, NIR: p.nir850, RGBMask: p.rgbMask, NIRMask: p.nirMask,
		Proof: p.proof,
	}
}

// beside is where the RGB camera sees what the near-infrared one sees through
// toImage, for a surface at a distance that faces the cameras: good enough
// for a mean over the palm. K' (R + T n'/z) K^-1, n being the optical axis.
func beside(cal *hal.Calibration, toImage *[9]float64, distance float64) [9]float64 {
	m := cal.R
	for i := range 3 {
		m[3*i+2] += cal.T[i] / distance
	}
	k := func(c hal.Intrinsics) [9]float64 { return [9]float64{c.Fx, 0, c.Cx, 0, c.Fy, c.Cy, 0, 0, 1} }
	n := cal.NIR
	inverse := [9]float64{1 / n.Fx, 0, -n.Cx / n.Fx, 0, 1 / n.Fy, -n.Cy / n.Fy, 0, 0, 1}
	return product(k(cal.RGB), product(m, product(inverse, *toImage)))
}

func product(a, b [9]float64) (c [9]float64) {
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				c[3*i+j] += a[3*i+k] * b[3*k+j]
			}
		}
	}
	return c
}
