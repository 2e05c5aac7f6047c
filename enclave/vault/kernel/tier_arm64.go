package kernel

// detect need not ask: Go runs on no arm64 without Advanced SIMD.
func detect() []Tier { return []Tier{Plain, NEON} }

func coarse(out []uint16, blocks []byte, probe []Variant, _ []byte) {
	if active == Plain {
		coarsePlain(out, blocks, probe, CoarseWords)
		return
	}
	coarseNEON(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe), CoarseWords)
}

func glance(out []uint16, blocks []byte, probe []Variant) {
	if active == Plain {
		coarsePlain(out, blocks, probe, GlanceWords)
		return
	}
	coarseNEON(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe), GlanceWords)
}

// gather moves words and has nothing to count.
func gather(to []byte, slots []uint32, glances, rest []byte) { gatherPlain(to, slots, glances, rest) }

func fine(out []uint16, blocks []byte, probe []FineVariant) {
	if active == Plain {
		finePlain(out, blocks, probe)
		return
	}
	fineNEON(&out[0], &blocks[0], len(out)/Lanes, &probe[0].Bits[0], len(probe))
}

// below is a small part of a search here, because coarse takes longer.
func below(out []uint32, scores []uint16, bound uint16) int { return belowPlain(out, scores, bound) }

func countBelow(scores []uint16, bound uint16) int { return countBelowPlain(scores, bound) }

func differ(out []uint16, packed []byte, code *[CoarseWords]uint64) {
	if active == Plain {
		differPlain(out, packed, code)
		return
	}
	differNEON(&out[0], &packed[0], len(out)/Lanes, &code[0])
}

func whole(probe *Moved, code *Code, dy int) (c Count) {
	if active == Plain {
		return wholePlain(probe, code, dy)
	}
	first := Reach - dy
	wholeNEON(&c.Differ, &probe.Bits[first][0], &probe.Care[first][0], &code.Bits[0][0], &code.Care[0][0])
	return c
}

func moveRows(to, from *[Side][RowWords]uint64, right, left, columns uint64) {
	if active == Plain {
		moveRowsPlain(to, from, right, left, columns)
		return
	}
	moveNEON(&to[0][0], &from[0][0], int64(right)-int64(left), columns)
}

func blocks(out *[blockRow * blockRow]Count, probe *Moved, code *Code, dy int) {
	if active == Plain {
		blocksPlain(out, probe, code, dy)
		return
	}
	first := Reach - dy
	blocksNEON(&out[0].Differ, &probe.Bits[first][0], &probe.Care[first][0], &code.Bits[0][0], &code.Care[0][0])
}

func hamming(out []uint16, blocks []byte, probe []uint64) {
	if active == Plain {
		hammingPlain(out, blocks, probe)
		return
	}
	hammingNEON(&out[0], &blocks[0], len(out)/Lanes, &probe[0], len(probe)/shortWords)
}

func hamming4(out *[4][]uint16, blocks []byte, probes *[4][]uint64) {
	hammingEach(out, blocks, probes)
}

func filter(out []int32, field []int16, stride int, centres []int32, taps []int16) {
	if active == Plain {
		filterPlain(out, field, stride, centres, taps)
		return
	}
	filterNEON(&out[0], &field[0], stride, &centres[0], len(centres), &taps[0], len(taps)/(Filters*Taps))
}

func stretch(next, out, before, cost, more *Costs, stiffness int32) {
	if active == Plain {
		stretchPlain(next, out, before, cost, more, stiffness)
		return
	}
	stretchNEON(&next[0][0], &out[0][0], &before[0][0], &cost[0][0], &more[0][0], stiffness)
}
