package search

import (
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// Verify decides whether the probe's palm is that of a person, as matcher.Verify does. For every
// person it makes the same number of comparisons, 1 to MaxCaptures: captures are compared again where there are
// fewer. Where the person is not known it compares with somebody else's palm, for the work alone, and
// refuses; only an index that is empty answers at once.
func (x *Index) Verify(p *matcher.Probe, person wire.Person, comparisons int, policy matcher.Policy) (same bool) {
	if comparisons < 1 || comparisons > MaxCaptures {
		return false
	}
	x.with(p, func(s *scratch) {
		if len(x.palms) == 0 {
			return
		}
		slot, known := x.at[person] // 0 where not known
		e := s.entry(&s.lanes[0], int(slot), comparisons)
		same = matcher.Verify(p, []matcher.Entry{e}, policy) && known
	})
	return same
}
