package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Coarse writes to out, for every palm of a gallery in blocks, the least score over
// the variants of a probe; Worst if there are none. len(out) is len(blocks)/CoarseBytes.
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
		least := uint32(math.MaxUint32)
		for v := range probe {
			least = min(least, probe[v].score(&code))
		}
		out[i] = short(least)
	}
}

// score is a score with its fraction.
func (v *Variant) score(code *[CoarseWords]uint64) uint32 {
	n := 0
	for w, g := range code {
		n += bits.OnesCount64((g ^ v.Bits[w]) & v.Mask[w])
	}
	return v.Bias + v.Weight*uint32(n)
}

// short drops the fraction.
func short(score uint32) uint16 { return uint16(min(score>>Fraction, Worst)) }

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

// VariantBlock is the size of 8 packed variants in bytes: their bits by words as in a
// gallery, their masks, and one word each of weights and biases.
const VariantBlock = (2*CoarseWords + 2) * 64

// Pack appends the variants to dst in the layout that Scores takes. The last block is
// filled up with variants that score Worst.
func Pack(dst []byte, probe []Variant) []byte {
	for len(probe) > 0 {
		n := min(len(probe), Lanes)
		at := len(dst)
		dst = append(dst, make([]byte, VariantBlock)...)
		block := dst[at:]
		for lane := range Lanes {
			v := Variant{Bias: math.MaxUint32}
			if lane < n {
				v = probe[lane]
			}
			for w := range CoarseWords {
				binary.LittleEndian.PutUint64(block[64*w+8*lane:], v.Bits[w])
				binary.LittleEndian.PutUint64(block[64*(CoarseWords+w)+8*lane:], v.Mask[w])
			}
			binary.LittleEndian.PutUint64(block[64*2*CoarseWords+8*lane:], uint64(v.Weight))
			binary.LittleEndian.PutUint64(block[64*(2*CoarseWords+1)+8*lane:], uint64(v.Bias))
		}
		probe = probe[n:]
	}
	return dst
}

// Scores writes to out the score of one palm under each of the packed variants.
// len(out) is 8 for each block of them.
func Scores(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	if len(packed)%VariantBlock != 0 || len(out) != len(packed)/VariantBlock*Lanes {
		panic(fmt.Sprintf("kernel: scores: %d scores for %d bytes of variants", len(out), len(packed)))
	}
	if len(out) > 0 {
		scores(out, packed, code)
	}
}

func scoresPlain(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	for at := 0; at < len(out); at += Lanes {
		block := packed[at/Lanes*VariantBlock:][:VariantBlock]
		for lane := range Lanes {
			n := 0
			for w, g := range code {
				b := binary.LittleEndian.Uint64(block[64*w+8*lane:])
				m := binary.LittleEndian.Uint64(block[64*(CoarseWords+w)+8*lane:])
				n += bits.OnesCount64((g ^ b) & m)
			}
			weight := binary.LittleEndian.Uint32(block[64*2*CoarseWords+8*lane:])
			bias := binary.LittleEndian.Uint32(block[64*(2*CoarseWords+1)+8*lane:])
			out[at+lane] = short(bias + weight*uint32(n))
		}
	}
}
