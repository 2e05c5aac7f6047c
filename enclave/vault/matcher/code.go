package matcher

import (
	"volar/enclave/vault/kernel"
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
type row = [words]uint64

// A code is one band of a palm: the sign of each filter's answer at each
// cell, and which of these bits can be relied upon. Bits that cannot are 0.
type code kernel.Code

// validity has a set bit for each cell that shows skin: bit x of word y.
type validity [cells]uint32

// at says whether a cell is valid.
func (v *validity) at(cell int) bool { return v[cell/cells]>>(cell%cells)&1 == 1 }

// fragile is the share of a plane's valid cells whose answers are nearest to
// zero, and whose signs therefore change from one capture to the next
// (Hollingsworth, Bowyer and Flynn 2009, for irises).
const fragile = 0.10

// strong is the share of a plane's valid cells whose answers are farthest from
// zero: those of a probe count more (see strength in bend.go).
const strong = 0.25

// An encoding is the working memory of encode.
type encoding struct {
	answers [kernel.Filters * cells * cells]int32
	sizes   [cells * cells]int32
}

// encode runs the enrolled filters over a field. strength is the mean size of
// their answers at valid cells, in local standard deviations.
func (e *encoding) encode(f *field, with *filters, valid *validity, c *code) (strength float64) {
	*c = code{}
	sum := int64(0)
	kernel.Filter(e.answers[:], f.pix[:], fieldStride, grid[:], with[upright])
	for k := range planes {
		plane := e.answers[k*cells*cells:][:cells*cells]
		least := below(e.measure(plane, valid), fragile)
		for cell, a := range plane {
			if !valid.at(cell) {
				continue
			}
			sum += int64(abs(a))
			if abs(a) >= least {
				c.set(k, cell, a < 0)
			}
		}
	}
	clear(e.answers[:])
	clear(e.sizes[:])
	return float64(sum) / float64(planes*tapUnit*contrastUnit*max(valid.count(), 1))
}

// measure gathers the sizes of the answers at the grid's valid cells, for below. The caller clears them.
func (e *encoding) measure(plane []int32, valid *validity) []int32 {
	n := 0
	for cell, a := range plane {
		if valid.at(cell) {
			e.sizes[n] = abs(a)
			n++
		}
	}
	return e.sizes[:n]
}

// below is the size that a share of the answers do not reach; at least 1. It reorders them.
func below(sizes []int32, share float64) int32 {
	if len(sizes) == 0 {
		return 1
	}
	return max(smallest(sizes, int(share*float64(len(sizes)))), 1)
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
	c.Care[cell/cells][plane%words] |= at
	if bit {
		c.Bits[cell/cells][plane%words] |= at
	}
}

// half is one plane's part of a row.
func half(r *row, plane int) uint32 { return uint32(r[plane%words] >> (plane / words * cells)) }

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
