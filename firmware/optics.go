package firmware

import (
	"volar/firmware/capture"
	"volar/firmware/quality"
	"volar/firmware/seal"
	"volar/hal"
	"volar/liveness"
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
	rgb, nir850      []byte
	rgbMask, nirMask []byte
	proof            wire.Proof
}

func (p *rectified) wipe() {
	if p == nil {
		return
	}
	for _, b := range [][]byte{p.rgb, p.nir850, p.rgbMask, p.nirMask} {
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

// evidence is what package liveness judges, here and in the vault.
func (p *rectified) evidence(n wire.Nonce) *liveness.Evidence {
	return &liveness.Evidence{Nonce: n, RGB: p.rgb, NIR: p.nir850, RGBMask: p.rgbMask, NIRMask: p.nirMask, Proof: &p.proof}
}

// sealed is what package seal makes a sample of.
func (p *rectified) sealed(grade uint8) *seal.Palm {
	return &seal.Palm{
		Hand: p.hand, Distance: p.distance, Tilt: p.tilt, Quality: grade,
		RGB: p.rgb, NIR: p.nir850, RGBMask: p.rgbMask, NIRMask: p.nirMask,
		Proof: p.proof,
	}
}
