package matcher

import "volar/wire"

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
	var usable []int // cells of the turned grid that show skin
	for i, from := range b.cell {
		if valid.at(from) {
			usable = append(usable, i)
		}
	}
	if len(usable) == 0 {
		return c
	}
	sizes := make([]int32, len(usable))
	for k := range planes {
		b.responses(f, k, &answers)
		for i, cell := range usable {
			sizes[i] = abs(answers[cell])
		}
		least := max(smallest(sizes, int(fragile*float64(len(sizes)))), 1)
		for _, cell := range usable {
			if a := answers[cell]; abs(a) >= least {
				c.set(k, cell, a < 0)
			}
		}
	}
	clear(sizes)
	clear(answers[:])
	return c
}

// smallest returns the value that would stand at index k if v were sorted,
// by Hoare's selection; it reorders v.
func smallest(v []int32, k int) int32 {
	low, high := 0, len(v)-1
	for low < high {
		pivot := v[(low+high)/2]
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		if k <= j {
			high = j
		} else if k >= i {
			low = i
		} else {
			break
		}
	}
	return v[k]
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
