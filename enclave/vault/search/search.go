package search

import (
	"slices"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// Search looks for the probe's palm among all palms of the index and decides as
// matcher.Identify would on the palms that the stages before have left, with the threshold for
// every capture that is enrolled. The answer of an index of the other hand, of a wiped probe and of the zero Policy names nobody.
func (x *Index) Search(p *matcher.Probe, policy matcher.Policy) matcher.Result {
	var r matcher.Result
	x.with(p, func(s *scratch) {
		s.shortlist()
		r = s.decide(policy)
	})
	return r
}

// Shortlist is whom Search hands to the matcher for this probe.
func (x *Index) Shortlist(p *matcher.Probe) (people []wire.Person) {
	x.with(p, func(s *scratch) {
		for _, k := range s.shortlist() {
			people = append(people, x.palms[k.slot()].person)
		}
	})
	return people
}

// Rank is how many palms the first stage puts before that of a person, all that outlast its glance where
// the person does not, and how many it keeps for the next; false where the person is not known or the index not of the probe's hand.
func (x *Index) Rank(p *matcher.Probe, person wire.Person) (rank, kept int, ok bool) {
	x.with(p, func(s *scratch) { rank, kept, ok = s.rank(person) })
	return rank, kept, ok
}

// RankAmong is Rank in an index of so many palms, of which those here are a fair sample: with the
// variants that the first stage would try there, the rank scaled up, and what it would keep.
func (x *Index) RankAmong(p *matcher.Probe, person wire.Person, palms int) (rank, kept int, ok bool) {
	x.with(p, func(s *scratch) {
		s.plan = x.planFor(palms)
		s.codes.set(p, s.plan)
		rank, kept, ok = s.rank(person)
		rank = int(float64(rank) * float64(palms) / float64(len(x.palms)))
	})
	return rank, kept, ok
}

func (s *scratch) rank(person wire.Person) (rank, kept int, ok bool) {
	x := s.index
	slot, known := x.at[person]
	if !known {
		return 0, 0, false
	}
	l := &s.lanes[0]
	limit := newKey(kernel.Worst, slot)
	slots, scores := s.scoreTile(l, int(slot)/tilePalms, nil)
	if i, near := slices.BinarySearch(slots, slot); near {
		limit = newKey(scores[i], slot)
	}
	for tile := range s.tiles() {
		slots, scores := s.scoreTile(l, tile, nil)
		for i, score := range scores {
			if newKey(score, slots[i]) < limit {
				rank++
			}
		}
	}
	return rank, s.plan.kept, true
}

// with lends do what a search needs, while the index does not change.
func (x *Index) with(p *matcher.Probe, do func(*scratch)) {
	if x == nil || p == nil || p.Hand() == 0 || p.Hand() != x.hand {
		return
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := borrow()
	defer s.giveBack()
	s.begin(x, p)
	do(s)
}
