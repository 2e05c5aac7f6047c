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

// least lists in the room where the n least of the scores of a glance lie, ascending, the first of those that
// score the same. There must be n scores, and room for all. The cut is found by halving.
func least(room []uint32, scores []uint16, n int) []uint32 {
	cut := uint16(0) // the greatest bound with fewer than n below
	for step := uint16(glanceRange); step > 0; step /= 2 {
		if kernel.CountBelow(scores, cut+step) < n {
			cut += step
		}
	}
	list, tied := room[:0], n-kernel.CountBelow(scores, cut)
	for _, i := range room[:kernel.Below(room, scores, cut+1)] {
		if scores[i] == cut {
			if tied == 0 {
				continue
			}
			tied--
		}
		list = append(list, i)
	}
	return list
}

// glanceRange is a power of two such that no score of a glance, which is at most its number of bits, is twice as much.
const glanceRange = 64 * kernel.GlanceWords

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
