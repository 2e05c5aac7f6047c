package kernel

import "golang.org/x/sys/cpu"

// detect asks the CPU. Servers have all of the AVX-512 tier since Ice Lake and Zen 4.
func detect() []Tier {
	list := []Tier{Plain}
	x := &cpu.X86
	if !x.HasAVX2 {
		return list
	}
	list = append(list, AVX2)
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ &&
		x.HasAVX512VPOPCNTDQ && x.HasAVX512BITALG && x.HasAVX512VNNI && x.HasBMI1 && x.HasBMI2 {
		list = append(list, AVX512)
	}
	return list
}

func coarse(out []uint16, blocks []byte, probe []Variant, next []byte) {
	lines := len(next) / 64
	if lines == 0 {
		next = blocks
	}
	switch active {
	case AVX512:
		coarseAVX512(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe), &next[0], lines)
	case AVX2:
		coarseAVX2(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe))
	default:
		coarsePlain(out, blocks, probe, CoarseWords)
	}
}

func glance(out []uint16, blocks []byte, probe []Variant) {
	switch active {
	case AVX512:
		glanceAVX512(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe))
	case AVX2:
		glanceAVX2(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe))
	default:
		coarsePlain(out, blocks, probe, GlanceWords)
	}
}

func gather(to []byte, slots []uint32, glances, rest []byte) {
	if active != AVX512 {
		gatherPlain(to, slots, glances, rest)
		return
	}
	n := len(slots) / Lanes
	if n > 0 {
		gatherAVX512(&to[0], &slots[0], n, &glances[0], &rest[0])
	}
	gatherPlain(to[n*CoarseBlock:], slots[n*Lanes:], glances, rest)
}

func fine(out []uint16, blocks []byte, probe []FineVariant) {
	switch active {
	case AVX512:
		fineAVX512(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe))
	case AVX2:
		fineAVX2(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe))
	default:
		finePlain(out, blocks, probe)
	}
}

// group is how many scores below and countBelow look at together. They leave the last few to plain Go.
const group = 32

func below(out []uint32, scores []uint16, bound uint16) int {
	groups, n := len(scores)/group, 0
	if bound == 0 || groups == 0 || active == Plain {
		return belowPlain(out, scores, bound)
	}
	if active == AVX512 {
		n = belowAVX512(&out[0], len(out), &scores[0], groups, bound)
	} else {
		n = belowAVX2(&out[0], len(out), &scores[0], groups, bound)
	}
	if n == len(out) {
		return n
	}
	rest := out[n:]
	rest = rest[:belowPlain(rest, scores[groups*group:], bound)]
	for i := range rest {
		rest[i] += uint32(groups * group)
	}
	return n + len(rest)
}

func countBelow(scores []uint16, bound uint16) int {
	groups := len(scores) / group
	if bound == 0 || groups == 0 || active == Plain {
		return countBelowPlain(scores, bound)
	}
	n := countBelowPlain(scores[groups*group:], bound)
	if active == AVX512 {
		return n + countBelowAVX512(&scores[0], groups, bound)
	}
	return n + countBelowAVX2(&scores[0], groups, bound)
}

func differ(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	switch active {
	case AVX512:
		differAVX512(&out[0], &packed[0], len(out)/Lanes, &code[0])
	case AVX2:
		differAVX2(&out[0], &packed[0], len(out)/Lanes, &code[0])
	default:
		differPlain(out, packed, code)
	}
}

func whole(probe *Moved, code *Code, dy int) (c Count) {
	first := Reach - dy
	switch active {
	case AVX512:
		wholeAVX512(&c.Differ, &probe.Bits[first][0], &probe.Care[first][0], &code.Bits[0][0], &code.Care[0][0])
	case AVX2:
		wholeAVX2(&c.Differ, &probe.Bits[first][0], &probe.Care[first][0], &code.Bits[0][0], &code.Care[0][0])
	default:
		return wholePlain(probe, code, dy)
	}
	return c
}

func moveRows(to, from *[Side][RowWords]uint64, right, left, columns uint64) {
	switch active {
	case AVX512:
		moveAVX512(&to[0][0], &from[0][0], right, left, columns)
	case AVX2:
		moveAVX2(&to[0][0], &from[0][0], right, left, columns)
	default:
		moveRowsPlain(to, from, right, left, columns)
	}
}

func blocks(out *[blockRow * blockRow]Count, probe *Moved, code *Code, dy int) {
	first := Reach - dy
	switch active {
	case AVX512:
		blocksAVX512(&out[0].Differ, &probe.Bits[first][0], &probe.Care[first][0], &code.Bits[0][0], &code.Care[0][0])
	case AVX2:
		blocksAVX2(&out[0].Differ, &probe.Bits[first][0], &probe.Care[first][0], &code.Bits[0][0], &code.Care[0][0])
	default:
		blocksPlain(out, probe, code, dy)
	}
}

func hamming(out []uint16, blocks []byte, probe []uint64) {
	n := len(out) / Lanes
	switch {
	case active == AVX512 && len(probe) == shortWords:
		hamming16AVX512(&out[0], &blocks[0], n, &probe[0])
	case active == AVX512:
		hamming64AVX512(&out[0], &blocks[0], n, &probe[0])
	case active == AVX2:
		hammingAVX2(&out[0], &blocks[0], n, &probe[0], len(probe)/shortWords)
	default:
		hammingPlain(out, blocks, probe)
	}
}

func hamming4(out *[4][]uint16, blocks []byte, probes *[4][]uint64) {
	n := len(out[0]) / Lanes
	o, p := out, probes
	switch {
	case active == AVX512 && len(p[0]) == shortWords:
		hamming4x16AVX512(&o[0][0], &o[1][0], &o[2][0], &o[3][0], &blocks[0], n, &p[0][0], &p[1][0], &p[2][0], &p[3][0])
	case active == AVX512:
		hamming4x64AVX512(&o[0][0], &o[1][0], &o[2][0], &o[3][0], &blocks[0], n, &p[0][0], &p[1][0], &p[2][0], &p[3][0])
	default:
		hammingEach(out, blocks, probes)
	}
}

func filter(out []int32, field []int16, stride int, centres []int32, taps []int16) {
	rows := len(taps) / (Filters * Taps)
	switch active {
	case AVX512:
		filterAVX512(&out[0], &field[0], stride, &centres[0], len(centres), &taps[0], rows)
	case AVX2:
		filterAVX2(&out[0], &field[0], stride, &centres[0], len(centres), &taps[0], rows)
	default:
		filterPlain(out, field, stride, centres, taps)
	}
}

func stretch(next, out, before, cost, more *Costs, stiffness int32) {
	switch active {
	case AVX512:
		stretchAVX512(&next[0][0], &out[0][0], &before[0][0], &cost[0][0], &more[0][0], stiffness)
	case AVX2:
		stretchAVX2(&next[0][0], &out[0][0], &before[0][0], &cost[0][0], &more[0][0], stiffness)
	default:
		stretchPlain(next, out, before, cost, more, stiffness)
	}
}
