package search

import (
	"slices"

	"volar/enclave/vault/kernel"
)

// A key is a palm's score in its upper half and its slot in the lower one: keys
// order palms by score and then by slot, so that every set of the nearest is one set.
type key uint64

func newKey(score uint16, slot uint32) key { return key(score)<<32 | key(slot) }

func (k key) score() uint16 { return uint16(k >> 32) }
func (k key) slot() uint32  { return uint32(k) }

// scoreRange is beyond the scores of either code, which are at most its number of bits.
const scoreRange = 64*kernel.FineWords + 1

// A histogram counts keys by score.
type histogram struct {
	counts [scoreRange]uint32
	cut    uint16 // the score of the farthest of the last nearest
}

// cutAt is the score at which the n least of more keys end.
func (h *histogram) cutAt(keys []key, n int) uint16 {
	clear(h.counts[:])
	for _, k := range keys {
		h.counts[k.score()]++
	}
	cut, below := uint16(0), 0
	for below+int(h.counts[cut]) <= n {
		below += int(h.counts[cut])
		cut++
	}
	h.cut = cut
	return cut
}

// thin keeps, in their order, the keys that score as the n least of them: n, and
// those who share the score at the cut, unless these are as many as n again. It is nearest for those who will ask again.
func (h *histogram) thin(keys []key, n int) []key {
	cut, kept := h.cutAt(keys, n), 0
	for _, k := range keys {
		keys[kept] = k
		if k.score() <= cut {
			kept++
		}
	}
	if kept > n+n/2 {
		return h.nearest(keys[:kept], n)
	}
	return keys[:kept]
}

// least lists in the room where the n least of the scores lie, ascending, the first of those that score the same, and
// the greatest of these scores. There must be n scores, at least 1, and room for all. The cut is sought step by
// step from a guess, which is best the cut of scores like these.
func least(room []uint32, scores []uint16, n int, guess uint16) (list []uint32, cut uint16) {
	cut = guess
	for cut > 0 && kernel.CountBelow(scores, cut) >= n {
		cut--
	}
	through := kernel.CountBelow(scores, cut+1)
	for through < n {
		cut++
		through = kernel.CountBelow(scores, cut+1)
	}
	list = room[:kernel.Below(room, scores, cut+1)]
	for i := len(list) - 1; len(list) > n; i-- {
		if scores[list[i]] == cut {
			list = slices.Delete(list, i, i+1)
		}
	}
	return list, cut
}

// nearest moves the n least of the keys to the front, in no order, and returns them. It counts the
// scores and cuts at one of them, which takes two passes whatever the order was;
// only those who share the score at the cut are put in order.
func (h *histogram) nearest(keys []key, n int) []key {
	if len(keys) <= n {
		return keys
	}
	cut := h.cutAt(keys, n)
	front, tied := 0, 0
	for i, k := range keys {
		switch s := k.score(); {
		case s < cut: // to the front, and one of the tied back to here
			keys[i], keys[front+tied], keys[front] = keys[front+tied], keys[front], k
			front++
		case s == cut:
			keys[i], keys[front+tied] = keys[front+tied], k
			tied++
		}
	}
	slices.Sort(keys[front : front+tied])
	return keys[:n]
}
