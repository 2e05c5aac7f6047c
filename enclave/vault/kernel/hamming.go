package kernel

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// hammingWords are the lengths of codes that Hamming knows, in words.
const (
	shortWords = 16
	longWords  = 64
)

// Hamming writes to out the distances of a probe to the codes of a gallery in blocks
// of 8, without masks. The probe has 16 or 64 words, the codes are as long, and word w
// of code p of a block lies at byte 64*w + 8*p of it.
func Hamming(out []uint16, blocks []byte, probe []uint64) {
	checkHamming(out, blocks, probe)
	if len(out) > 0 {
		hamming(out, blocks, probe)
	}
}

// Hamming4 is Hamming for four probes of one length in one pass over the gallery.
func Hamming4(out *[4][]uint16, blocks []byte, probes *[4][]uint64) {
	for i := range out {
		checkHamming(out[i], blocks, probes[i])
		if len(probes[i]) != len(probes[0]) {
			panic("kernel: hamming: probes of two lengths")
		}
	}
	if len(out[0]) > 0 {
		hamming4(out, blocks, probes)
	}
}

func checkHamming(out []uint16, blocks []byte, probe []uint64) {
	if len(probe) != shortWords && len(probe) != longWords {
		panic(fmt.Sprintf("kernel: hamming: a probe of %d words", len(probe)))
	}
	if n := 8 * len(probe); len(blocks)%(Lanes*n) != 0 || len(out) != len(blocks)/n {
		panic(fmt.Sprintf("kernel: hamming: %d distances for %d bytes", len(out), len(blocks)))
	}
}

func hammingPlain(out []uint16, blocks []byte, probe []uint64) {
	for at := 0; at < len(out); at += Lanes {
		var n [Lanes]int
		block := blocks[at*8*len(probe):][:Lanes*8*len(probe)]
		for _, p := range probe {
			words := block[:8*Lanes]
			block = block[8*Lanes:]
			for lane := range n {
				n[lane] += bits.OnesCount64(p ^ binary.LittleEndian.Uint64(words[8*lane:]))
			}
		}
		for lane, v := range n {
			out[at+lane] = uint16(v)
		}
	}
}

// hammingEach runs four probes one after the other, by tiles of the gallery that stay in
// the cache: where the arithmetic takes the time there is no more to gain.
func hammingEach(out *[4][]uint16, blocks []byte, probes *[4][]uint64) {
	const tile = 16 << 10
	size := 8 * len(probes[0])
	step := tile / size / Lanes * Lanes
	for at := 0; at < len(out[0]); at += step {
		end := min(at+step, len(out[0]))
		for i, p := range probes {
			hamming(out[i][at:end], blocks[at*size:end*size], p)
		}
	}
}
