//go:build !amd64 && !arm64

package kernel

func detect() []Tier { return []Tier{Plain} }

func coarse(out []uint16, blocks []byte, probe []Variant, _ []byte) {
	coarsePlain(out, blocks, probe, CoarseWords)
}

func glance(out []uint16, blocks []byte, probe []Variant) {
	coarsePlain(out, blocks, probe, GlanceWords)
}

// gather moves words and has nothing to count.
func gather(to []byte, slots []uint32, glances, rest []byte) { gatherPlain(to, slots, glances, rest) }

func fine(out []uint16, blocks []byte, probe []FineVariant) { finePlain(out, blocks, probe) }

func below(out []uint32, scores []uint16, bound uint16) int { return belowPlain(out, scores, bound) }

func countBelow(scores []uint16, bound uint16) int { return countBelowPlain(scores, bound) }

func differ(out []uint16, packed []byte, code *[CoarseWords]uint64) { differPlain(out, packed, code) }

func whole(probe *Moved, code *Code, dy int) Count { return wholePlain(probe, code, dy) }

func moveRows(to, from *[Side][RowWords]uint64, right, left, columns uint64) {
	moveRowsPlain(to, from, right, left, columns)
}

func blocks(out *[blockRow * blockRow]Count, probe *Moved, code *Code, dy int) {
	blocksPlain(out, probe, code, dy)
}

func hamming(out []uint16, blocks []byte, probe []uint64) { hammingPlain(out, blocks, probe) }

func hamming4(out *[4][]uint16, blocks []byte, probes *[4][]uint64) {
	hammingEach(out, blocks, probes)
}

func filter(out []int32, field []int16, stride int, centres []int32, taps []int16) {
	filterPlain(out, field, stride, centres, taps)
}

func stretch(next, out, before, cost, more *Costs, stiffness int32) {
	stretchPlain(next, out, before, cost, more, stiffness)
}
