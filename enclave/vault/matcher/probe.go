package matcher

import (
	"sync"

	"volar/wire"
)

// reach is how far the search moves a probe along each axis, in cells.
const reach = 5

// poses are the turns and scales that the search tries, upright first.
var poses = []pose{
	{0, 1}, {-4, 1}, {4, 1}, {-8, 1}, {8, 1},
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
// in every turn of the search, each moved along x. It is a secret; Wipe forgets it.
// A Probe may be used by many goroutines at once.
type Probe struct {
	hand  wire.Hand
	bands [2][]turned // nil where the capture lacks the band
}

// A turned is the code in one pose, moved by -reach to reach columns.
type turned [2*reach + 1]*code

// NewProbe prepares the search. It takes nothing away from the capture,
// which may be wiped afterwards. A capture that was parsed has no pixels to turn;
// its probe moves but does not turn.
func NewProbe(c *Capture) *Probe {
	p := &Probe{hand: c.hand}
	for i, s := range c.bands {
		if s == nil {
			continue
		}
		p.bands[i] = append(p.bands[i], newTurned(s.code))
		if s.field == nil {
			continue
		}
		for _, b := range banks()[1:] {
			code := encode(s.field, b, &s.valid)
			p.bands[i] = append(p.bands[i], newTurned(code))
			*code = struct{ bits, care [cells]row }{}
		}
	}
	return p
}

func newTurned(c *code) (t turned) {
	for i := range t {
		t[i] = c.shifted(i - reach)
	}
	return t
}

// Hand is the hand that the probe was said to show.
func (p *Probe) Hand() wire.Hand { return p.hand }

// Wipe overwrites the codes. The Probe compares to nothing afterwards.
func (p *Probe) Wipe() {
	for i := range p.bands {
		for _, t := range p.bands[i] {
			for _, c := range t {
				*c = code{}
			}
		}
		p.bands[i] = nil
	}
	p.hand = 0
}
