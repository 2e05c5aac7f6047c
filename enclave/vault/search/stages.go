package search

import (
	"slices"
	"sync/atomic"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
)

const batch = 8 * kernel.Lanes // palms that are scored by the fine code at a time

// scratch is what one search after another works in, without asking for memory.
type scratch struct {
	index *Index
	probe *matcher.Probe
	plan  plan
	codes probeCodes
	team  team
	lanes []lane
	keys  []key // the palms that are left
	tried int   // variants of the fine stage that is under way
	near  []matcher.Near
	count histogram
	bound atomic.Uint32 // of all lanes: no lane keeps what scores as much

	scan, refine, match func(lane int) // made once, because a method value takes memory
}

// A lane is what one goroutine of a search has for itself.
type lane struct {
	tile     tile
	keys     []key
	bound    uint16 // what a score must be below to be kept
	chunk    int    // where the last tile was
	cut      uint16 // the last glance's
	count    histogram
	blocks   [batch / kernel.Lanes * kernel.FineBlock]byte
	captures [MaxCaptures]*matcher.Capture
}

func newScratch() *scratch {
	s := &scratch{codes: newProbeCodes(), lanes: make([]lane, lanes())}
	for i := range s.lanes {
		for j := range s.lanes[i].captures {
			s.lanes[i].captures[j] = new(matcher.Capture)
		}
	}
	s.team.init()
	s.scan, s.refine, s.match = s.scanLane, s.refineLane, s.matchLane
	return s
}

// begin lays out the probe for the index.
func (s *scratch) begin(x *Index, p *matcher.Probe) {
	s.index, s.probe, s.plan = x, p, x.planFor(len(x.palms))
	s.codes.set(p, s.plan)
	s.keys, s.near = s.keys[:0], s.near[:0]
}

// wipe forgets the probe and the palms it was compared with.
func (s *scratch) wipe() {
	s.codes.wipe()
	for i := range s.lanes {
		clear(s.lanes[i].tile.blocks[:])
		clear(s.lanes[i].blocks[:])
		for _, c := range s.lanes[i].captures {
			c.Clear()
		}
	}
	clear(s.near)
	s.index, s.probe = nil, nil
}

// shortlist runs the stages before the matcher and returns whom they leave, in order of their slots.
func (s *scratch) shortlist() []key {
	n := len(s.index.palms)
	if s.plan.kept < n {
		s.first()
	} else {
		for slot := range n {
			s.keys = append(s.keys, key(slot))
		}
	}
	s.fine(s.plan.fine, s.plan.keptFine)
	s.fine(len(s.codes.fine), s.plan.shortlist)
	slices.SortFunc(s.keys, func(a, b key) int { return int(a.slot()) - int(b.slot()) })
	return s.keys
}

// fine scores the palms that are left by the fine code in so many variants and keeps the nearest.
func (s *scratch) fine(variants, keep int) {
	s.tried = variants
	s.team.run(s.refine)
	s.keys = s.count.nearest(s.keys, keep)
}

func (s *scratch) refineLane(i int) {
	l := &s.lanes[i]
	for {
		at, ok := s.team.take((len(s.keys) + batch - 1) / batch)
		if !ok {
			return
		}
		keys := s.keys[at*batch : min((at+1)*batch, len(s.keys))]
		for _, k := range keys { // they lie anywhere: have them fetched side by side
			kernel.Prefetch(s.index.fine.At(int(k.slot())))
		}
		for j, k := range keys {
			kernel.CopyFine(l.blocks[:], j, s.index.fine.At(int(k.slot())))
		}
		blocks := (len(keys) + kernel.Lanes - 1) / kernel.Lanes
		var room [batch]uint16
		scores := room[:blocks*kernel.Lanes]
		kernel.Fine(scores, l.blocks[:blocks*kernel.FineBlock], s.codes.fine[:s.tried])
		for j, k := range keys {
			keys[j] = newKey(scores[j], k.slot())
		}
	}
}

// decide lets the matcher compare the palms that are left and decides among them.
func (s *scratch) decide(policy matcher.Policy) matcher.Result {
	s.near = slices.Grow(s.near, len(s.keys))[:len(s.keys)]
	s.team.run(s.match)
	var set matcher.Bands
	for b, band := range bands {
		if s.probe.Poses(band) > 0 {
			set |= 1 << b
		}
	}
	return matcher.Decide(s.near, s.index.comparisons(set), policy)
}

func (s *scratch) matchLane(i int) {
	l := &s.lanes[i]
	for {
		at, ok := s.team.take(len(s.keys))
		if !ok {
			return
		}
		slot := int(s.keys[at].slot())
		e := s.entry(l, slot, int(s.index.palms[slot].n))
		s.near[at], _ = matcher.Nearest(s.probe, &e)
	}
}

// entry is a palm with so many of its captures, from the first again where there are fewer. The
// captures are the lane's until it makes another entry.
func (s *scratch) entry(l *lane, slot, captures int) matcher.Entry {
	p := &s.index.palms[slot]
	for i := range captures {
		if err := l.captures[i].UnmarshalBinary(s.index.templates.at(p.rows[i%int(p.n)])); err != nil {
			panic(err) // Put wrote it
		}
	}
	return matcher.Entry{Person: p.person, Hand: s.index.hand, Captures: l.captures[:captures]}
}
