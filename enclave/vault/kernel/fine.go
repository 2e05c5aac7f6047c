package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// A fine code is three times as long as a coarse one and has as many parts: part p is
// words 6*p to 6*p+5. It lies in blocks of 8 in the same way.
const (
	FineWords = 48
	FineBytes = 8 * FineWords
	FineBlock = Lanes * FineBytes

	finePart = FineWords / Parts
)

// MaxBias keeps scores within 16 bits.
const MaxBias = 7000

// A FineVariant is a probe at one shift and pose, for fine codes. The score of a palm is the
// sum over the parts of the least, over the variants, of Bias of the part + popcount of
// (palm^Bits)&Mask over the part. A bias is at most MaxBias.
type FineVariant struct {
	Bits, Mask [FineWords]uint64
	Bias       [Parts]uint32
}

// SetFine writes palm i of a gallery of fine codes.
func SetFine(blocks []byte, i int, code *[FineWords]uint64) {
	block := blocks[i/Lanes*FineBlock:][:FineBlock]
	for w, v := range code {
		binary.LittleEndian.PutUint64(block[64*w+8*(i%Lanes):], v)
	}
}

// CopyFine is SetFine for a code that lies in bytes already: FineWords little-endian words.
func CopyFine(blocks []byte, i int, row []byte) {
	block := blocks[i/Lanes*FineBlock:][:FineBlock]
	row = row[:FineBytes]
	for w := range FineWords {
		copy(block[64*w+8*(i%Lanes):][:8], row[8*w:])
	}
}

// Prefetch asks the processor to fetch bytes that will be read soon from places that it cannot guess.
func Prefetch(b []byte) {
	if len(b) > 0 {
		prefetch(&b[0], (len(b)+63)/64)
	}
}

// Fine is Coarse for fine codes: few palms, and a probe of hundreds of variants.
// len(out) is len(blocks)/FineBytes.
func Fine(out []uint16, blocks []byte, probe []FineVariant) {
	if len(blocks)%FineBlock != 0 || len(out) != len(blocks)/FineBytes {
		panic(fmt.Sprintf("kernel: fine: %d scores for %d bytes", len(out), len(blocks)))
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
	fine(out, blocks, probe)
}

func finePlain(out []uint16, blocks []byte, probe []FineVariant) {
	for i := range out {
		block, lane := blocks[i/Lanes*FineBlock:][:FineBlock], i%Lanes
		sum := uint32(0)
		for p := range Parts {
			var g [finePart]uint64
			for w := range g {
				g[w] = word(block, finePart*p+w, lane)
			}
			least := uint32(math.MaxUint32)
			for j := range probe {
				v := &probe[j]
				b, m := v.Bits[finePart*p:][:finePart], v.Mask[finePart*p:][:finePart]
				n := 0
				for w, x := range g {
					n += bits.OnesCount64((x ^ b[w]) & m[w])
				}
				least = min(least, v.Bias[p]+uint32(n))
			}
			sum += least
		}
		out[i] = uint16(sum)
	}
}
