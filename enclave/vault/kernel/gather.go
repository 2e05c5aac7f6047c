package kernel

import (
	"fmt"
	"slices"
)

// Gather writes the palms in some slots of a gallery side by side, as blocks for Coarse: the first words of each from
// blocks for Glance, the others from rows of RestBytes. What of the last block has no palm stays as it was.
func Gather(to []byte, slots []uint32, glances, rest []byte) {
	if len(slots) == 0 {
		return
	}
	palms := min(len(glances)/GlanceBlock*Lanes, len(rest)/RestBytes)
	if last := slices.Max(slots); int(last) >= palms || (len(slots)+Lanes-1)/Lanes > len(to)/CoarseBlock {
		panic(fmt.Sprintf("kernel: gather: slot %d of %d, %d of them into %d bytes", last, palms, len(slots), len(to)))
	}
	gather(to, slots, glances, rest)
}

func gatherPlain(to []byte, slots []uint32, glances, rest []byte) {
	for _, slot := range slots { // they lie anywhere: have them fetched side by side
		prefetch(&rest[int(slot)*RestBytes], RestBytes/64)
	}
	for i, slot := range slots {
		j := int(slot)
		block, from := (*[CoarseBlock]byte)(to[i/Lanes*CoarseBlock:]), (*[GlanceBlock]byte)(glances[j/Lanes*GlanceBlock:])
		lane, at := 8*(i%Lanes)&(64-8), 8*(j%Lanes)&(64-8) // in terms that leave no bound to check
		for w := range GlanceWords {
			*(*[8]byte)(block[64*w+lane:]) = *(*[8]byte)(from[64*w+at:])
		}
	}
	for i, slot := range slots {
		block, row := (*[CoarseBlock]byte)(to[i/Lanes*CoarseBlock:]), (*[RestBytes]byte)(rest[int(slot)*RestBytes:])
		lane := 8 * (i % Lanes) & (64 - 8)
		for w := range CoarseWords - GlanceWords {
			*(*[8]byte)(block[64*(GlanceWords+w)+lane:]) = *(*[8]byte)(row[8*w:])
		}
	}
}
