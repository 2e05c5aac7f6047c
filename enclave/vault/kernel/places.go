package kernel

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A Group is up to 8 probes, in different poses at one shift, of which the same bits take part.
type Group struct {
	Bits [Lanes][CoarseWords]uint64
	Mask [CoarseWords]uint64
}

// GroupBytes is the size of a packed group: its probes by words as a block of palms, and the mask.
const GroupBytes = CoarseBlock + CoarseBytes

// Pack appends a group to dst in the layout that Differ takes.
func Pack(dst []byte, g *Group) []byte {
	for w := range CoarseWords {
		for lane := range g.Bits {
			dst = binary.LittleEndian.AppendUint64(dst, g.Bits[lane][w])
		}
	}
	for _, m := range g.Mask {
		dst = binary.LittleEndian.AppendUint64(dst, m)
	}
	return dst
}

// Differ compares one palm with very many probes: it writes to out, 8 for each packed group, in
// how many bits under the mask the palm differs.
func Differ(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	if len(packed)%GroupBytes != 0 || len(out) != len(packed)/GroupBytes*Lanes {
		panic(fmt.Sprintf("kernel: differ: %d numbers for %d bytes of probes", len(out), len(packed)))
	}
	if len(out) > 0 {
		differ(out, packed, code)
	}
}

func differPlain(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	for at := 0; at < len(out); at += Lanes {
		group := packed[at/Lanes*GroupBytes:][:GroupBytes]
		var n [Lanes]int
		for w, g := range code {
			mask := binary.LittleEndian.Uint64(group[CoarseBlock+8*w:])
			for lane := range n {
				n[lane] += bits.OnesCount64((g ^ word(group, w, lane)) & mask)
			}
		}
		for lane, v := range n {
			out[at+lane] = uint16(v)
		}
	}
}
