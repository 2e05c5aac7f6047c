package matcher

import (
	"slices"

	"volar/wire"
)

const (
	cells  = 32                // the grid is cells by cells
	pitch  = wire.Side / cells // pixels between cells
	planes = 6                 // orientations
	words  = planes / 2        // of a row: word w holds plane w in its low half and plane w+words in its high half
)

// A row is one row of the grid: in each half word, bit x is column x. Two
// planes share a word so that a shift along x keeps to its half and a shift
// along y is a change of row.
type row [words]uint64

// A code is one band of a palm: the sign of each filter's answer at each
// cell, and which of these bits can be relied upon. Bits that cannot are 0.
type code struct {
	bits, care [cells]row
}

// validity has a set bit for each cell that shows skin: bit x of word y.
type validity [cells]uint32

// at says whether cell i of the upright grid is valid; -1 never is.
func (v *validity) at(i int16) bool {
	return i >= 0 && v[i/cells]>>(i%cells)&1 == 1
}

// fragile is the share of a plane's valid cells whose answers are nearest to
// zero, and whose signs therefore change from one capture to the next
// (Hollingsworth, Bowyer and Flynn 2009, for irises).
const fragile = 0.10

// encode runs a bank over a field.
func encode(f *field, b *bank, valid *validity) *code {
	c := new(code)
	var answers [cells * cells]int32
	sizes := make([]int32, 0, cells*cells)
	for k := range planes {
		b.responses(f, k, &answers)
		sizes = sizes[:0]
		for i, a := range answers {
			if valid.at(b.cell[i]) {
				sizes = append(sizes, abs(a))
			}
		}
		if len(sizes) == 0 {
			break
		}
		slices.Sort(sizes)
		least := max(sizes[int(fragile*float64(len(sizes)))], 1)
		for i, a := range answers {
			if abs(a) >= least && valid.at(b.cell[i]) {
				c.set(k, i, a < 0)
			}
		}
	}
	clear(sizes[:cap(sizes)])
	clear(answers[:])
	return c
}

// set stores a bit that can be relied upon.
func (c *code) set(plane, cell int, bit bool) {
	at := uint64(1) << (cell%cells + plane/words*cells)
	c.care[cell/cells][plane%words] |= at
	if bit {
		c.bits[cell/cells][plane%words] |= at
	}
}

// half is one plane's part of a row.
func (r *row) half(plane int) uint32 { return uint32(r[plane%words] >> (plane / words * cells)) }

// move shifts both halves of a word by dx columns, each within itself.
func move(v uint64, dx int) uint64 {
	low, high := uint32(v), uint32(v>>cells)
	return uint64(shift(high, dx))<<cells | uint64(shift(low, dx))
}

// shift moves a row of one plane to the right by dx columns, that is towards
// the higher bits.
func shift(v uint32, dx int) uint32 {
	if dx < 0 {
		return v >> -dx
	}
	return v << dx
}

func abs(v int32) int32 {
	if v < 0 {
		return -v
	}
	return v
}
