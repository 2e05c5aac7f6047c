package search

import (
	"slices"

	"volar/enclave/vault/kernel"
)

// The first stage goes through all palms tile by tile. A glance at half of each code
// leaves as many of each tile, an eighth of very many palms, to be compared by the whole
// coarse code in more variants while they lie in the processor's cache.
const (
	tileBlocks = 64 // each chunk of them holds whole tiles
	tilePalms  = tileBlocks * kernel.Lanes
)

// A tile is what a lane needs to score one tile.
type tile struct {
	glances [tilePalms]uint16
	slots   [tilePalms]uint32 // first of the near ones in the tile, then in the index
	blocks  [tilePalms * kernel.CoarseBytes]byte
	scores  [tilePalms]uint16
	hits    [tilePalms]uint32
}

// first scores all palms by the coarse code and keeps the nearest.
func (s *scratch) first() {
	for i := range s.lanes {
		l := &s.lanes[i]
		l.keys, l.bound, l.chunk = slices.Grow(l.keys[:0], 2*s.plan.kept+tilePalms), kernel.Worst, 0
	}
	s.bound.Store(kernel.Worst)
	s.team.run(s.scan)
	for i := range s.lanes {
		s.keys = append(s.keys, s.lanes[i].keys...)
	}
	s.keys = s.count.nearest(s.keys, s.plan.kept)
}

// tiles is the number of tiles of the index.
func (s *scratch) tiles() int { return (len(s.index.palms) + tilePalms - 1) / tilePalms }

// scanLane scores tiles and keeps the nearest of what it has seen. Tiles
// come in order, so a palm that is as far as the last one kept comes after it.
func (s *scratch) scanLane(i int) {
	l := &s.lanes[i]
	next, more := s.team.take(s.tiles())
	for more {
		tile := next
		var ahead []byte
		if next, more = s.team.take(s.tiles()); more {
			ahead, _ = s.tileCodes(l, next)
		}
		slots, scores := s.scoreTile(l, tile, ahead)
		for _, hit := range l.tile.hits[:kernel.Below(l.tile.hits[:], scores, l.bound)] {
			l.keys = append(l.keys, newKey(scores[hit], slots[hit]))
		}
		if len(l.keys) >= 2*s.plan.kept {
			l.keys = l.count.thin(l.keys, s.plan.kept)
			s.lower(uint32(l.count.cut) + 1)
			l.bound = l.count.cut
		}
		l.bound = min(l.bound, uint16(s.bound.Load()))
	}
}

// lower lets all lanes know that enough palms score less than a bound. Those
// that score as the last of them may yet come before it, in another lane.
func (s *scratch) lower(bound uint32) {
	for {
		was := s.bound.Load()
		if bound >= was || s.bound.CompareAndSwap(was, bound) {
			return
		}
	}
}

// scoreTile scores the nearest of one tile: their slots, ascending, and their scores. What the lane
// glances at next is fetched ahead.
func (s *scratch) scoreTile(l *lane, at int, ahead []byte) (slots []uint32, scores []uint16) {
	t := &l.tile
	codes, rest := s.tileCodes(l, at)
	first := at * tilePalms
	glances := t.glances[:len(codes)/kernel.GlanceBytes]
	kernel.Glance(glances, codes, s.codes.glance)
	glances = glances[:min(len(glances), len(s.index.palms)-first)]
	slots, l.cut = least(t.slots[:], glances, min(s.plan.near, len(glances)), l.cut)
	kernel.Gather(t.blocks[:], slots, codes, rest)
	for j := range slots {
		slots[j] += uint32(first)
	}
	blocks := (len(slots) + kernel.Lanes - 1) / kernel.Lanes
	kernel.Coarse(t.scores[:blocks*kernel.Lanes], t.blocks[:blocks*kernel.CoarseBlock], s.codes.coarse, ahead)
	return slots, t.scores[:len(slots)]
}

// tileCodes is what a glance looks at of a tile, and the other words of its palms.
func (s *scratch) tileCodes(l *lane, at int) (glances, rest []byte) {
	x, block := s.index, at*tileBlocks
	if l.chunk >= len(x.chunks) || x.chunks[l.chunk].first > block {
		l.chunk = 0
	}
	for l.chunk+1 < len(x.chunks) && x.chunks[l.chunk+1].first <= block {
		l.chunk++
	}
	c := &x.chunks[l.chunk]
	glances = c.glances[(block-c.first)*kernel.GlanceBlock:]
	return glances[:min(len(glances), tileBlocks*kernel.GlanceBlock)], c.rest[(block-c.first)*kernel.Lanes*kernel.RestBytes:]
}
