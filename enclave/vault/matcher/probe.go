package matcher

import (
	"slices"
	"sync"

	"volar/enclave/vault/kernel"
	"volar/wire"
)

// A Probe is a Capture made ready to be compared with many others: its codes
// in every pose of the search. It is a secret; Wipe forgets it. A Probe may
// be used by many goroutines at once.
type Probe struct {
	hand  wire.Hand
	bands [2]*turns // by bandIndex; nil where the capture lacks the band
}

// A turns is one band in the poses of the search.
type turns struct {
	n     int // poses that there are: all, or the upright one
	poses [len(poses)]turned
	white []byte  // see appendWhite
	shown float64 // see code.shown; 0 where one pose tells too little of how codes agree by chance
}

// A turned is the code in one pose: at each phase, alike the code of its strong bits alone, and of the first phase the
// sparse rows for every shift along x.
type turned struct {
	phases, strong [phases * phases]code
	sparse         sparseShifts
}

// working lends NewProbe its memory.
var working = sync.Pool{New: func() any { return new(reliefWork) }}

type reliefWork struct {
	turning
	relief relief
}

// NewProbe prepares the search. The capture may be wiped afterwards. A
// capture that was parsed has no pixels to turn: its probe is searched for in one pose only.
func NewProbe(c *Capture) *Probe {
	p := new(Probe)
	p.Set(c)
	return p
}

// Set is NewProbe into a Probe that is there already, whose memory it uses
// again. Nobody may be using the Probe.
func (p *Probe) Set(c *Capture) {
	p.hand = c.hand
	for i, s := range c.bands {
		if s == nil {
			p.bands[i].wipe()
			p.bands[i] = nil
			continue
		}
		if p.bands[i] == nil {
			p.bands[i] = new(turns)
		}
		p.bands[i].set(s, c.scheme.filters(i))
	}
}

func (t *turns) set(s *signature, with *filters) {
	t.n = 1
	if s.field == nil {
		first := &t.poses[0]
		for phase := range first.phases { // a template knows no place between its cells, and no strength
			first.phases[phase], first.strong[phase] = *s.code, *s.code
		}
	} else {
		w := working.Get().(*reliefWork)
		w.relief.set(&w.turning, s.field, with, &s.valid)
		t.n = len(t.poses)
		for i := range t.poses {
			for phase := range t.poses[i].phases {
				w.relief.sample(i, phase, &t.poses[i].phases[phase], &t.poses[i].strong[phase])
			}
		}
		w.relief = relief{}
		working.Put(w)
	}
	t.shown = 0
	if t.n > 1 {
		t.shown = t.poses[0].phases[0].shown()
	}
	for i := range t.n {
		t.poses[i].sparse.set(&t.poses[i].phases[0])
	}
	t.white = appendWhite(slices.Grow(t.white[:0], whiteCount*groups(t.n)*kernel.GroupBytes), t.poses[:t.n])
}

func (t *turns) wipe() {
	if t != nil {
		clear(t.white[:cap(t.white)])
		*t = turns{}
	}
}

// Hand is the hand that the probe was said to show.
func (p *Probe) Hand() wire.Hand { return p.hand }

// Wipe overwrites the codes. The Probe compares to nothing afterwards.
func (p *Probe) Wipe() {
	for i := range p.bands {
		p.bands[i].wipe()
		p.bands[i] = nil
	}
	p.hand = 0
}
