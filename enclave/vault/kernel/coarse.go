package kernel

import (
	"fmt"
)

// Coarse writes to out, for every palm of a gallery in blocks, its score for the variants
// of a probe; Worst if there are none. len(out) is len(blocks)/CoarseBytes. What will be read next may be asked for meanwhile.
func Coarse(out []uint16, blocks []byte, probe []Variant, next []byte) {
	if ready(out, blocks, CoarseBytes, probe) {
		coarse(out, blocks, probe, next)
	}
}

// Glance is Coarse by the first GlanceWords words of the palms, which is all that the blocks hold, and of the
// variants. len(out) is len(blocks)/GlanceBytes.
func Glance(out []uint16, blocks []byte, probe []Variant) {
	if ready(out, blocks, GlanceBytes, probe) {
		glance(out, blocks, probe)
	}
}

// ready checks the lengths of blocks with so many bytes for a palm, and says whether there is anything to
// compare. Where there is no variant the scores are written.
func ready(out []uint16, blocks []byte, palm int, probe []Variant) bool {
	if len(blocks)%(Lanes*palm) != 0 || len(out) != len(blocks)/palm {
		panic(fmt.Sprintf("kernel: coarse: %d scores for %d bytes", len(out), len(blocks)))
	}
	if len(probe) == 0 {
		for i := range out {
			out[i] = Worst
		}
	}
	return len(out) > 0 && len(probe) > 0
}

func coarsePlain(out []uint16, blocks []byte, probe []Variant, words int) {
	for i := range out {
		var code [CoarseWords]uint64
		for w := range words {
			code[w] = word(blocks[i/Lanes*64*words:], w, i%Lanes)
		}
		least := [Parts]uint8{255, 255, 255, 255, 255, 255, 255, 255}
		for j := range probe {
			v := &probe[j]
			counts := v.counts(&code, words)
			for p, b := range v.Bias {
				n := uint8(counts >> (8 * p))
				least[p] = min(least[p], b+min(n, 255-b))
			}
		}
		sum := uint16(0)
		for _, n := range least {
			sum += uint16(n)
		}
		out[i] = sum
	}
}

// counts is the number of bits of the first so many words that differ in each part, a byte each: at most 128.
func (v *Variant) counts(code *[CoarseWords]uint64, words int) (sum uint64) {
	const ones, pairs, nibbles = 0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f
	for w := 0; w < words; w += 2 {
		var four [2]uint64 // counts of four bits each
		for h := range four {
			x := (code[w+h] ^ v.Bits[w+h]) & v.Mask[w+h]
			x -= x >> 1 & ones
			four[h] = x&pairs + x>>2&pairs
		}
		x := four[0] + four[1] // at most 8 in a nibble
		sum += x&nibbles + x>>4&nibbles
	}
	return sum
}

// Below lists in out, ascending, the indices of the scores that are less than
// bound, and stops when out is full. It returns how many it listed.
func Below(out []uint32, scores []uint16, bound uint16) int {
	if len(out) == 0 || len(scores) == 0 {
		return 0
	}
	return below(out, scores, bound)
}

func belowPlain(out []uint32, scores []uint16, bound uint16) int {
	n := 0
	for i, s := range scores {
		if s < bound {
			out[n] = uint32(i)
			if n++; n == len(out) {
				break
			}
		}
	}
	return n
}

// CountBelow is how many scores are less than bound.
func CountBelow(scores []uint16, bound uint16) int { return countBelow(scores, bound) }

func countBelowPlain(scores []uint16, bound uint16) (n int) {
	for _, s := range scores {
		if s < bound {
			n++
		}
	}
	return n
}
