package firmware

import (
	"errors"

	"volar/firmware/capture"
	"volar/firmware/proof"
	"volar/firmware/quality"
	"volar/firmware/vision"
	"volar/hal"
	"volar/wire"
)

// eyes is optics as package vision has them.
type eyes struct{ cal *hal.Calibration }

var _ optics = eyes{}

func (eyes) locate(lit, dark *hal.Frame) (quality.Palm, wire.Hand, error) {
	p, err := vision.Locate(lit, dark)
	if err != nil {
		return quality.Palm{}, 0, err
	}
	return place(p), p.Hand, nil
}

func (e eyes) rectify(b *capture.Burst) (*rectified, error) {
	v, err := vision.Rectify(&b.Dark, &b.White, &b.NIR850, &b.NIR940, e.cal)
	if err != nil {
		return nil, err
	}
	r := &rectified{
		hand:  v.Palm.Hand,
		place: place(&v.Palm), distance: v.DistanceMM, tilt: v.TiltDeg, pace: v.MotionMMPerS,
		relief: v.BulgeMM,
		rgb:    v.RGB.Pix, nir850: v.NIR850.Pix,
		rgbMask: v.RGB.Mask[:], nirMask: v.NIR850.Mask[:],
	}
	r.proof, err = proof.Make(b, e.cal, &proof.Palm{
		ToNIR: v.ToImage, ToRGB: v.ToRGB, Mask: v.NIR850.Mask[:], NIR940: v.NIR940.Pix, Corners: v.Corners, Relief: v.Relief,
	})
	v.NIR940.Wipe()
	if err != nil {
		r.wipe()
		return nil, err
	}
	return r, nil
}

func place(p *vision.Palm) quality.Palm {
	q := quality.Palm{
		Centre: quality.Point(p.Centre), Side: p.Side, Inside: p.Inside, Spread: p.Spread, Sure: p.Sureness, ToImage: p.ToImage,
	}
	for i, v := range p.Valleys {
		q.Valleys[i] = quality.Point(v)
	}
	return q
}

// cure is what the person should do where no palm was found.
func cure(err error) hal.Cue {
	for _, c := range []struct {
		err error
		cue hal.Cue
	}{
		{vision.ErrNoHand, hal.CueCentre},
		{vision.ErrCutOff, hal.CueCentre},
		{vision.ErrFingersClosed, hal.CueSpread},
		{vision.ErrUnsure, hal.CueFlatter},
		{vision.ErrNotRegistered, hal.CueStill},
		{proof.ErrLost, hal.CueStill},
	} {
		if errors.Is(err, c.err) {
			return c.cue
		}
	}
	return hal.CueAgain
}
