package kernel

import (
	"fmt"
	"math"
	"math/bits"
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
		block, lane := blocks[i/Lanes*CoarseBlock:][:CoarseBlock], i%Lanes
		sum := uint32(0)
		for p := range Parts {
			a, b := word(block, 2*p, lane), word(block, 2*p+1, lane)
			least := uint32(math.MaxUint32)
			for j := range probe {
				v := &probe[j]
				n := bits.OnesCount64((a^v.Bits[2*p])&v.Mask[2*p]) + bits.OnesCount64((b^v.Bits[2*p+1])&v.Mask[2*p+1])
				least = min(least, v.Bias[p]+uint32(n))
			}
			sum += least
		}
		out[i] = uint16(sum)
	}
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
