package liveness

import (
	"errors"
	"fmt"
	"math"

	"volar/wire"
)

// Evidence is what a burst told of a palm: what a wire.Sample carries.
type Evidence struct {
	Nonce            wire.Nonce
	RGB, NIR         []byte // crops of wire.Side a side, of 3 and 1 channels
	RGBMask, NIRMask []byte // wire.MaskBytes
	Proof            *wire.Proof
}

// Of is the evidence of a sample, which it shares memory with. A view that
// the sample lacks is missing evidence.
func Of(s *wire.Sample) *Evidence {
	e := &Evidence{Nonce: s.Nonce, Proof: &s.Proof}
	for _, v := range s.Views {
		switch v.Band {
		case wire.RGB:
			e.RGB, e.RGBMask = v.Pix, v.Mask
		case wire.NIR:
			e.NIR, e.NIRMask = v.Pix, v.Mask
		}
	}
	return e
}

// check tells whether there are crops.
func (e *Evidence) check() error {
	const n = wire.Side * wire.Side
	if len(e.RGB) != 3*n || len(e.NIR) != n || len(e.RGBMask) != wire.MaskBytes || len(e.NIRMask) != wire.MaskBytes {
		return errors.New("liveness: crops and masks are not of the size that the wire has")
	}
	return nil
}

// checkProof tells whether there is all else, and whether it can have come
// from a device at all.
func (e *Evidence) checkProof() error {
	p := e.Proof
	if p == nil || len(p.NIR940) != wire.Side940*wire.Side940 || len(p.Planes) != wire.PlaneCount*cellCount {
		return errors.New("liveness: there is no proof")
	}
	if e.Nonce == (wire.Nonce{}) {
		return errors.New("liveness: the nonce is zero")
	}
	for i, bank := range p.Lamps {
		// Lamps that stand together cannot tell one corner from another.
		const apart = 150 // tenths of a millimetre
		for _, d := range []int{
			int(bank[1][0]) - int(bank[0][0]), int(bank[3][0]) - int(bank[2][0]),
			int(bank[2][1]) - int(bank[0][1]), int(bank[3][1]) - int(bank[1][1]),
		} {
			if d < apart {
				return fmt.Errorf("liveness: lamps of bank %d are %d mm apart, needs %d", i, d/10, apart/10)
			}
		}
	}
	last := uint16(0)
	for i, m := range p.Track {
		if m.After <= last || m.After > longest {
			return fmt.Errorf("liveness: shot %d was taken %d ms after that at 850 nm", i, m.After/10)
		}
		last = m.After
	}
	return nil
}

// longest is the time that shots may take after that at 850 nm, tenths of a millisecond.
const longest = 10000

const (
	half      = wire.Side940 // pixels a side of what detail is judged by
	cellCount = wire.Cells * wire.Cells
	cellSide  = wire.Side / wire.Cells
)

// scene is what is computed once of the evidence, for all checks.
type scene struct {
	*Evidence
	flashes [wire.FlashCount]wire.Flash

	// Detail in crops, 64 by 64, and the pixels in which it counts.
	red, green, at850, at940 detail
	in                       []int

	// Light on cells, of those that count.
	cells []cell
	mean  float64 // mm: x of the middle between the cameras
	drift float64 // by how much light grew, natural logarithm a second
	bent  [2]bending
}

// The two cameras, as indices.
const (
	nir = iota
	rgb
)

// fewest is the least share of crops and of cells that is judged by.
const fewest = 0.25

// newScene prepares the evidence. The caller wipes it.
func newScene(e *Evidence) (*scene, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if err := e.checkProof(); err != nil {
		return nil, err
	}
	s := &scene{Evidence: e, flashes: wire.Flashes(e.Nonce)}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if err := s.light(); err != nil {
		s.wipe()
		return nil, err
	}
	return s, nil
}

// prepare makes the details of the crops, whose sizes were checked.
func (s *scene) prepare() error {
	if s.in = inner(s.RGBMask, s.NIRMask); float64(len(s.in)) < fewest*half*half {
		return fmt.Errorf("liveness: %d pixels of %d show skin in both bands, needs a quarter", len(s.in), half*half)
	}
	s.red, s.green = detailOf(halved(s.RGB, 3, 0)), detailOf(halved(s.RGB, 3, 1))
	s.at850 = detailOf(halved(s.NIR, 1, 0))
	if s.Proof != nil {
		s.at940 = detailOf(widened(s.Proof.NIR940))
	}
	return nil
}

func (s *scene) wipe() {
	for _, d := range []detail{s.red, s.green, s.at850, s.at940} {
		clear(d)
	}
	clear(s.cells)
}

// root is a square root that keeps the sign.
func root(x float64) float64 { return math.Copysign(math.Sqrt(math.Abs(x)), x) }
