package kernel

import (
	"fmt"
	"math"
	"math/bits"
)

// A whole code has 6 planes of Side by Side cells. Word w of a row holds plane w in
// its low half and plane w+3 in its high half, column x at bit x.
const (
	Side     = 32
	RowWords = 3
	Reach    = 8 // rows that a probe may be moved up or down

	blockSide = 8
	blockRow  = Side / blockSide
)

// A Code is whole code: its bits, and which of them can be relied upon.
type Code struct {
	Bits, Care [Side][RowWords]uint64
}

// A Moved is a probe's code that was moved along the columns already. Row y is at
// index y+Reach; the rows around the code have no care, so that moving along the rows
// is a matter of where the comparison begins.
type Moved struct {
	Bits, Care [Side + 2*Reach][RowWords]uint64
}

// A Count is the outcome of a comparison: how many bits both codes rely upon, and how
// many of these differ.
type Count struct {
	Differ, Valid uint16
}

// Move makes the middle rows of m the code moved by dx columns, towards the higher bits where
// dx is positive; dx from 1-Side to Side-1. What comes in from outside has no care. The rows around stay as they are.
func Move(m *Moved, code *Code, dx int) {
	if dx <= -Side || dx >= Side {
		panic(fmt.Sprintf("kernel: move: by %d columns of %d", dx, Side))
	}
	right, left := uint64(max(dx, 0)), uint64(max(-dx, 0))
	columns := uint64(math.MaxUint32) << right & math.MaxUint32 >> left
	columns |= columns << Side // each half keeps to itself
	moveRows((*[Side][RowWords]uint64)(m.Bits[Reach:]), &code.Bits, right, left, columns)
	moveRows((*[Side][RowWords]uint64)(m.Care[Reach:]), &code.Care, right, left, columns)
}

func moveRowsPlain(to, from *[Side][RowWords]uint64, right, left, columns uint64) {
	for y := range to {
		for w, v := range from[y] {
			to[y][w] = v << (right % Side) >> (left % Side) & columns
		}
	}
}

// Whole compares all cells, with row y-dy of the probe on row y of the code;
// dy from -Reach to Reach.
func Whole(probe *Moved, code *Code, dy int) Count {
	checkMove(dy)
	return whole(probe, code, dy)
}

// Blocks is Whole for each block of 8 by 8 cells: out[4*by+bx] counts rows 8*by to
// 8*by+7 and columns 8*bx to 8*bx+7 of the code, in all planes.
func Blocks(out *[blockRow * blockRow]Count, probe *Moved, code *Code, dy int) {
	checkMove(dy)
	blocks(out, probe, code, dy)
}

func checkMove(dy int) {
	if dy < -Reach || dy > Reach {
		panic(fmt.Sprintf("kernel: compare: moved by %d rows, %d at most", dy, Reach))
	}
}

func wholePlain(probe *Moved, code *Code, dy int) (c Count) {
	first := Reach - dy
	b, m := probe.Bits[first:first+Side], probe.Care[first:first+Side]
	for y := range Side {
		for w := range RowWords {
			care := m[y][w] & code.Care[y][w]
			c.Differ += uint16(bits.OnesCount64((b[y][w] ^ code.Bits[y][w]) & care))
			c.Valid += uint16(bits.OnesCount64(care))
		}
	}
	return c
}

func blocksPlain(out *[blockRow * blockRow]Count, probe *Moved, code *Code, dy int) {
	const columns = 0xff<<32 | 0xff
	first := Reach - dy
	b, m := probe.Bits[first:first+Side], probe.Care[first:first+Side]
	*out = [blockRow * blockRow]Count{}
	for y := range Side {
		row := out[y/blockSide*blockRow:][:blockRow]
		for w := range RowWords {
			care := m[y][w] & code.Care[y][w]
			differ := (b[y][w] ^ code.Bits[y][w]) & care
			for bx := range row {
				row[bx].Differ += uint16(bits.OnesCount64(differ >> (blockSide * bx) & columns))
				row[bx].Valid += uint16(bits.OnesCount64(care >> (blockSide * bx) & columns))
			}
		}
	}
}
