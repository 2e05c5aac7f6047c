package matcher

import (
	"math"
	"math/bits"
)

// The first stage looks at a quarter of the cells in four of the planes,
// packed into one word a row: neighbouring cells and neighbouring
// orientations tell it little more. It takes bits without care as zeros, which
// differ from chance bits half of the time and so speak neither for nor against.
const (
	sparseRows  = cells / 2
	sparseCells = cells / 2
)

// sparsePlanes are the orientations of the first stage, from low bits to high.
var sparsePlanes = [4]int{0, 1, 3, 4}

// A sparse holds the even columns of the even rows: 128 bytes.
type sparse [sparseRows]uint64

func newSparse(c *code) (s sparse) {
	for i := range s {
		s[i] = sparseRow(&c.Bits[2*i], 0)
	}
	return s
}

// sparseShifts holds the even columns of a probe after each shift along x,
// the even rows apart from the odd ones: a shift along y meets rows that lie side by side.
type sparseShifts [2*reach + 1][2][sparseRows]uint64

func (s *sparseShifts) set(c *code) {
	for i := range s {
		for y := range cells {
			s[i][y%2][y/2] = sparseRow(&c.Bits[y], i-reach)
		}
	}
}

func sparseRow(r *row, dx int) uint64 {
	var out uint64
	for i, plane := range sparsePlanes {
		out |= evenBits(shift(half(r, plane), dx)) << (i * sparseCells)
	}
	return out
}

// evenBits gathers bits 0, 2, 4 … in the low half.
func evenBits(v uint32) uint64 {
	v &= 0x55555555
	v = (v | v>>1) & 0x33333333
	v = (v | v>>2) & 0x0f0f0f0f
	v = (v | v>>4) & 0x00ff00ff
	v = (v | v>>8) & 0x0000ffff
	return uint64(v)
}

// A sparseShift is what the first stage knows of a shift beforehand.
type sparseShift struct {
	columns uint64               // of a word that take part
	half    [2*reach + 1]float64 // by dy: half the number of bits that take part
	weight  [2*reach + 1]float64 // by dy: what turns agreement into a penalised distance
}

// sparseTable holds the shifts along x from -reach to reach.
var sparseTable = newSparseTable()

func newSparseTable() (t [2*reach + 1]sparseShift) {
	for i := range t {
		columns := evenBits(shift(math.MaxUint32, i-reach))
		for plane := range sparsePlanes {
			t[i].columns |= columns << (plane * sparseCells)
		}
		for j := range t[i].half {
			first, end := sparseSpan(j - reach)
			n := float64((end - first) * bits.OnesCount64(t[i].columns))
			t[i].half[j] = n / 2
			t[i].weight[j] = 1 / math.Sqrt(n*sparseRows*64)
		}
	}
	return t
}

// sparseSpan is the even rows of the gallery's code, halved, that meet a
// row of the probe shifted by dy.
func sparseSpan(dy int) (first, end int) {
	return (max(0, dy) + 1) / 2, (min(cells, cells+dy) + 1) / 2
}

// distance is the penalised distance at one shift (see penalised); dx and dy from -reach to reach.
func (s *sparseShifts) distance(g *sparse, dx, dy int) float64 {
	first, end := sparseSpan(dy)
	known := &sparseTable[dx+reach]
	columns, differ := known.columns, 0
	enrolled := g[first:end]
	from := 2*first - dy // the probe's row that meets the first
	rows := s[dx+reach][from&1][from>>1:][:len(enrolled)]
	for i, v := range enrolled {
		differ += bits.OnesCount64((v ^ rows[i]) & columns)
	}
	agreement := float64((known.half[dy+reach] - float64(differ)) * known.weight[dy+reach])
	return Farthest - agreement
}
