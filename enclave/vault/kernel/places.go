package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Fraction is the number of bits that the score of a Place drops after its product.
const Fraction = 8

// A Place is a probe at one shift and pose of the search around one palm, for which
// Scores compares one coarse code with very many places. The score of a palm g is
//
//	(Bias + Weight*popcount((g^Bits)&Mask)) >> Fraction, at most Worst,
//
// and Bias + 1024*Weight must stay below 2^32.
type Place struct {
	Bits, Mask   [CoarseWords]uint64
	Weight, Bias uint32
}

// PlaceBlock is the size of 8 packed places in bytes: their bits by words as in a
// gallery, their masks, and one word each of weights and biases.
const PlaceBlock = (2*CoarseWords + 2) * 64

// Pack appends the places to dst in the layout that Scores takes. The last block is
// filled up with places that score Worst.
func Pack(dst []byte, places []Place) []byte {
	for len(places) > 0 {
		n := min(len(places), Lanes)
		at := len(dst)
		dst = append(dst, make([]byte, PlaceBlock)...)
		block := dst[at:]
		for lane := range Lanes {
			v := Place{Bias: math.MaxUint32}
			if lane < n {
				v = places[lane]
			}
			for w := range CoarseWords {
				binary.LittleEndian.PutUint64(block[64*w+8*lane:], v.Bits[w])
				binary.LittleEndian.PutUint64(block[64*(CoarseWords+w)+8*lane:], v.Mask[w])
			}
			binary.LittleEndian.PutUint64(block[64*2*CoarseWords+8*lane:], uint64(v.Weight))
			binary.LittleEndian.PutUint64(block[64*(2*CoarseWords+1)+8*lane:], uint64(v.Bias))
		}
		places = places[n:]
	}
	return dst
}

// Scores writes to out the score of one palm under each of the packed places.
// len(out) is 8 for each block of them.
func Scores(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	if len(packed)%PlaceBlock != 0 || len(out) != len(packed)/PlaceBlock*Lanes {
		panic(fmt.Sprintf("kernel: scores: %d scores for %d bytes of places", len(out), len(packed)))
	}
	if len(out) > 0 {
		scores(out, packed, code)
	}
}

func scoresPlain(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	for at := 0; at < len(out); at += Lanes {
		block := packed[at/Lanes*PlaceBlock:][:PlaceBlock]
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

// short drops the fraction.
func short(score uint32) uint16 { return uint16(min(score>>Fraction, Worst)) }
