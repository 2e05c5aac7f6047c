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

// A glance is at the first half of the words of a coarse code, which is half of each part. They lie in
// blocks of their own, so that no memory is read but theirs.
const (
	GlanceWords = CoarseWords / 2
	GlanceBytes = 8 * GlanceWords
	GlanceBlock = Lanes * GlanceBytes
	RestBytes   = CoarseBytes - GlanceBytes // of the other words, for Gather
)

// Parts is the number of parts of a code that find their shift each by itself. Part p of
// a coarse code is byte p of each of its words, so that one register of bytes counts for
// all parts of eight palms at once: see Spread.
const Parts = 8

// Worst is the score of what was compared with nothing.
const Worst = 1<<16 - 1

// A Variant is a probe at one shift or pose of the coarse search. The score of a palm g
// is the sum over the parts of the least, over the variants, of
//
//	Bias of the part + popcount of (g^Bits)&Mask over the part, at most 255,
//
// and low scores are near.
type Variant struct {
	Bits, Mask [CoarseWords]uint64
	Bias       [Parts]uint8
}

// Spread takes a code or a mask whose part p is words 2*p and 2*p+1 to the order of a
// gallery and of a Variant: byte p of word 8*h+i is byte i of word 2*p+h.
func Spread(code *[CoarseWords]uint64) (out [CoarseWords]uint64) {
	for p := range Parts {
		for h := range CoarseWords / Parts {
			for i, v := 0, code[2*p+h]; i < 8; i, v = i+1, v>>8 {
				out[8*h+i] |= v & 0xff << (8 * p)
			}
		}
	}
	return out
}

// SetCoarse writes palm i of a gallery; the code is one of Spread.
func SetCoarse(blocks []byte, i int, code *[CoarseWords]uint64) {
	block := blocks[i/Lanes*CoarseBlock:][:CoarseBlock]
	for w, v := range code {
		binary.LittleEndian.PutUint64(block[64*w+8*(i%Lanes):], v)
	}
}

// SetGlance writes the first words of palm i of a gallery for Glance; the code is one of Spread.
func SetGlance(blocks []byte, i int, code *[CoarseWords]uint64) {
	block := blocks[i/Lanes*GlanceBlock:][:GlanceBlock]
	for w, v := range code[:GlanceWords] {
		binary.LittleEndian.PutUint64(block[64*w+8*(i%Lanes):], v)
	}
}

// GetCoarse reads palm i of a gallery.
func GetCoarse(blocks []byte, i int) (code [CoarseWords]uint64) {
	block := blocks[i/Lanes*CoarseBlock:][:CoarseBlock]
	for w := range code {
		code[w] = word(block, w, i%Lanes)
	}
	return code
}

// word is word w of the palm in one lane of a block.
func word(block []byte, w, lane int) uint64 {
	return binary.LittleEndian.Uint64(block[64*w+8*lane:])
}
