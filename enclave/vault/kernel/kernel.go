// Package kernel holds the inner loops of the search over palm codes: plain
// Go for every machine, and assembly for amd64 (AVX-512 with VPOPCNTDQ and
// BITALG, AVX2) and arm64 (NEON) that gives the same bits. README.md in this
// folder has the layouts and the reasons.
//
// Nothing here allocates or keeps memory, and every function may be used by many
// goroutines at once. Lengths that do not fit are a mistake of the caller and panic.
package kernel

import "encoding/binary"

// Lanes is the number of palms in a block.
const Lanes = 8

// A coarse code is 16 words of 64 bits. In a gallery 8 of them make a block:
// word w of palm p is the little-endian word at byte 64*w + 8*p, so that one vector
// register holds one word of all eight and no sum runs across lanes.
const (
	CoarseWords = 16
	CoarseBytes = 8 * CoarseWords
	CoarseBlock = Lanes * CoarseBytes
)

// Fraction is the number of bits that a score drops after its products.
const Fraction = 8

// Worst is the score of what was compared with nothing.
const Worst = 1<<16 - 1

// A Variant is a probe at one shift or pose of the coarse search. The score of a palm g is
//
//	(Bias + Weight*popcount((g^Bits)&Mask)) >> Fraction, at most Worst,
//
// and Bias + 1024*Weight must stay below 2^32. Low scores are near.
type Variant struct {
	Bits, Mask   [CoarseWords]uint64
	Weight, Bias uint32
}

// SetCoarse writes palm i of a gallery.
func SetCoarse(blocks []byte, i int, code *[CoarseWords]uint64) {
	block := blocks[i/Lanes*CoarseBlock:][:CoarseBlock]
	for w, v := range code {
		binary.LittleEndian.PutUint64(block[64*w+8*(i%Lanes):], v)
	}
}

// GetCoarse reads palm i of a gallery.
func GetCoarse(blocks []byte, i int) (code [CoarseWords]uint64) {
	block := blocks[i/Lanes*CoarseBlock:][:CoarseBlock]
	for w := range code {
		code[w] = binary.LittleEndian.Uint64(block[64*w+8*(i%Lanes):])
	}
	return code
}
