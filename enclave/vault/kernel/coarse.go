package kernel

import (
	"fmt"
)

// Coarse writes to out, for every palm of a gallery in blocks, its score for the variants
// of a probe; Worst if there are none. len(out) is len(blocks)/CoarseBytes.
func Coarse(out []uint16, blocks []byte, probe []Variant) {
	if len(blocks)%CoarseBlock != 0 || len(out) != len(blocks)/CoarseBytes {
		panic(fmt.Sprintf("kernel: coarse: %d scores for %d bytes", len(out), len(blocks)))
	}
	if len(out) == 0 {
		return
	}
	if len(probe) == 0 {
		for i := range out {
			out[i] = Worst
		}
		return
	}
	coarse(out, blocks, probe)
}

func coarsePlain(out []uint16, blocks []byte, probe []Variant) {
	for i := range out {
		code := GetCoarse(blocks, i)
		least := [Parts]uint8{255, 255, 255, 255, 255, 255, 255, 255}
		for j := range probe {
			v := &probe[j]
			counts := v.counts(&code)
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

// counts is the number of bits that differ in each part, a byte each: at most 128.
func (v *Variant) counts(code *[CoarseWords]uint64) (sum uint64) {
	const ones, pairs, nibbles = 0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f
	for w := 0; w < CoarseWords; w += 2 {
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
