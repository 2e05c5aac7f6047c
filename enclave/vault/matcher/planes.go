package matcher

import "volar/wire"

// Grid of a code, for those that build other codes of it.
const (
	Cells        = cells  // the grid is Cells by Cells
	Orientations = planes // of the filters, 30 degrees apart
)

// Planes is one band's code as it is stored: for each orientation, each row
// of the grid as a word whose lowest bit is column 0. A bit of Bits is set on
// a dark line and 0 where Care is 0.
type Planes struct {
	Bits, Care [Orientations][Cells]uint32
}

// Planes copies the code of one band; false where the capture lacks it. The
// copy is a secret that the caller wipes.
func (c *Capture) Planes(b wire.Band) (p Planes, ok bool) {
	if !c.Has(b) {
		return p, false
	}
	p.take(c.bands[bandIndex(b)].code)
	return p, true
}

// Poses is the number of poses in which the probe holds a band: 0 where it lacks
// the band, 1 where it was made of a template. Pose 0 is upright.
func (p *Probe) Poses(b wire.Band) int {
	if b.Channels() == 0 {
		return 0
	}
	if t := p.bands[bandIndex(b)]; t != nil {
		return t.n
	}
	return 0
}

// Planes copies the code of one band in one pose, 0 to Poses(b)-1; false
// where there is none. The copy is a secret that the caller wipes.
func (p *Probe) Planes(b wire.Band, pose int) (out Planes, ok bool) {
	if pose < 0 || pose >= p.Poses(b) {
		return out, false
	}
	out.take(&p.bands[bandIndex(b)].poses[pose].phases[0])
	return out, true
}

func (p *Planes) take(c *code) {
	for k := range planes {
		for y := range cells {
			p.Bits[k][y], p.Care[k][y] = half(&c.Bits[y], k), half(&c.Care[y], k)
		}
	}
}

// PoseCount is the number of poses of a probe that has pixels.
func PoseCount() int { return len(poses) }

// Pose is how the grid lies in a pose, 0 to PoseCount()-1: turned by so many degrees and scaled.
func Pose(i int) (turn, scale float64) { return poses[i].turn, poses[i].scale }
