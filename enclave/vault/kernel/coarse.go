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
		code := GetCoarse(blocks, i)
		sum := uint32(0)
		for p := range Parts {
			least := uint32(math.MaxUint32)
			for v := range probe {
				least = min(least, probe[v].part(p, &code))
			}
			sum += least
		}
		out[i] = uint16(sum)
	}
}

// part is the score of one part.
func (v *Variant) part(p int, code *[CoarseWords]uint64) uint32 {
	n := 0
	for w := p * partWords; w < (p+1)*partWords; w++ {
		n += bits.OnesCount64((code[w] ^ v.Bits[w]) & v.Mask[w])
	}
	return v.Bias[p] + uint32(n)
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
