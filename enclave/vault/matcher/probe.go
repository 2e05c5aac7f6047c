package matcher

import (
	"sync"

	"volar/wire"
)

// poses are the turns (degrees) and scales that the search tries, upright
// first. Between two neighbours the blocks' own movement bridges the gap.
// On contactless crops scale matters most: without it some 3 % of genuine pairs never match.
var poses = []pose{
	{0, 1}, {-5, 1}, {5, 1}, {-10, 1}, {10, 1},
	{0, 0.88}, {-5, 0.88}, {5, 0.88}, {-10, 0.88}, {10, 0.88},
	{0, 1.13}, {-5, 1.13}, {5, 1.13}, {-10, 1.13}, {10, 1.13},
}

// banks are the filters of poses; they are built when first a probe needs them.
var banks = sync.OnceValue(func() []*bank {
	out := make([]*bank, len(poses))
	out[0] = upright
	for i := 1; i < len(out); i++ {
		out[i] = newBank(poses[i])
	}
	return out
})

// A Probe is a Capture made ready to be compared with many others: its codes
// in every pose of the search. It is a secret; Wipe forgets it. A Probe may
// be used by many goroutines at once.
type Probe struct {
	hand  wire.Hand
	bands [2][]turned // by bandIndex; nil where the capture lacks the band
}

// A turned is the code in one pose, and its sparse rows for every shift along x.
type turned struct {
	code   *code
	sparse *sparseShifts
}

// NewProbe prepares the search. The capture may be wiped afterwards. A
// capture that was parsed has no pixels to turn: its probe is searched for in one pose only.
func NewProbe(c *Capture) *Probe {
	p := &Probe{hand: c.hand}
	for i, s := range c.bands {
		if s == nil {
			continue
		}
		upright := *s.code
		p.bands[i] = append(p.bands[i], turned{&upright, newSparseShifts(&upright)})
		if s.field == nil {
			continue
		}
		for _, b := range banks()[1:] {
			code := encode(s.field, b, &s.valid)
			p.bands[i] = append(p.bands[i], turned{code, newSparseShifts(code)})
		}
	}
	return p
}

// Hand is the hand that the probe was said to show.
func (p *Probe) Hand() wire.Hand { return p.hand }

// Wipe overwrites the codes. The Probe compares to nothing afterwards.
func (p *Probe) Wipe() {
	for i := range p.bands {
		for _, t := range p.bands[i] {
			*t.code = code{}
			*t.sparse = sparseShifts{}
		}
		p.bands[i] = nil
	}
	p.hand = 0
}
