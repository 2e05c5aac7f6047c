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
	registration     float64 // normalised correlation of the bands
	relief           float64 // mm
	rgb              []byte
	nir850, nir940   []byte
	rgbMask, nirMask []byte
}

func (p *rectified) wipe() {
	if p == nil {
		return
	}
	for _, b := range [][]byte{p.rgb, p.nir850, p.nir940, p.rgbMask, p.nirMask} {
		clear(b)
	}
}

// wave is what package quality measures.
func (p *rectified) wave(b *capture.Burst) *quality.Wave {
	return &quality.Wave{
		Lit: &b.NIR850.NIR, Dark: &b.Dark.NIR, Palm: p.place,
		Distance: p.distance, Tilt: p.tilt,
		RGB: p.rgb, NIR850: p.nir850, NIR940: p.nir940, RGBMask: p.rgbMask, NIRMask: p.nirMask,
		Elapsed: b.NIR940.NIR.At - b.NIR850.NIR.At,
	}
}

// evidence is what package liveness judges.
func (p *rectified) evidence(b *capture.Burst) *liveness.Evidence {
	return &liveness.Evidence{
		RGB: p.rgb, NIR850: p.nir850, NIR940: p.nir940, RGBMask: p.rgbMask, NIRMask: p.nirMask,
		White: b.White.RGB.Exposure, At850: b.NIR850.NIR.Exposure, At940: b.NIR940.NIR.Exposure,
		Distance: p.distance, Registration: p.registration, Relief: p.relief,
	}
}

// sealed is what package seal makes a sample of.
func (p *rectified) sealed(grade uint8) *seal.Palm {
	return &seal.Palm{
		Hand: p.hand, Distance: p.distance, Tilt: p.tilt, Quality: grade,
		RGB: p.rgb, NIR: p.nir850, RGBMask: p.rgbMask, NIRMask: p.nirMask,
	}
}
