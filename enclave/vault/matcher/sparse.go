package matcher

import (
	"math"
	"math/bits"

	"volar/enclave/vault/kernel"
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
	dx, dy     int
	columns    uint64  // of a word that take part
	first, end int     // the rows of the enrolled code that take part
	half       float64 // half the number of bits that take part
	weight     float64 // what turns agreement into a penalised distance
	least      float64 // 1/weight
}

// sparseTable holds the shifts by dx and dy, each from -reach to reach.
var sparseTable = func() (t [2*reach + 1][2*reach + 1]sparseShift) {
	for i := range t {
		columns := evenBits(shift(math.MaxUint32, i-reach))
		columns |= columns << sparseCells
		columns |= columns << (2 * sparseCells)
		for j := range t[i] {
			s := sparseShift{dx: i - reach, dy: j - reach, columns: columns}
			s.first, s.end = sparseSpan(s.dy)
			n := float64((s.end - s.first) * bits.OnesCount64(columns))
			s.half, s.least = n/2, math.Sqrt(n*sparseRows*64)
			s.weight = 1 / s.least
			t[i][j] = s
		}
	}
	return t
}()

// whiteShifts is every second shift, as on the white squares of a chess board.
var whiteShifts = func() (list [whiteCount]sparseShift) {
	n := 0
	for i := range sparseTable {
		for j := i & 1; j < len(sparseTable); j += 2 {
			list[n] = sparseTable[i][j]
			n++
		}
	}
	return list
}()

const whiteCount = ((2*reach+1)*(2*reach+1) + 1) / 2

// distance is the penalised distance (see penalised) of codes that differ in so many bits at the shift.
func (k *sparseShift) distance(differ int) float64 {
	agreement := float64((k.half - float64(differ)) * k.weight)
	return Farthest - agreement
}

// within is how many bits may differ at the shift, or one more, for a place that a list still takes.
func (k *sparseShift) within(l *shortlist) int {
	if l.n < len(l.places) {
		return math.MaxInt
	}
	return int(k.half-(Farthest-l.places[l.n-1].distance)*k.least) + 1
}

// sparseSpan is the even rows of the gallery's code, halved, that meet a
// row of the probe shifted by dy.
func sparseSpan(dy int) (first, end int) {
	return (max(0, dy) + 1) / 2, (min(cells, cells+dy) + 1) / 2
}

// rows is the probe's rows that meet those of the enrolled code at a shift.
func (s *sparseShifts) rows(k *sparseShift) []uint64 {
	from := 2*k.first - k.dy
	return s[k.dx+reach][from&1][from>>1:][:k.end-k.first]
}

// distance is the penalised distance at one shift; dx and dy from -reach to reach.
func (s *sparseShifts) distance(g *sparse, dx, dy int) float64 {
	k := &sparseTable[dx+reach][dy+reach]
	differ := 0
	rows := s.rows(k)
	for i, v := range g[k.first:k.end] {
		differ += bits.OnesCount64((v ^ rows[i]) & k.columns)
	}
	return k.distance(differ)
}

// appendWhite appends the poses at the white shifts in the layout of kernel.Differ: for each
// shift as many groups as the poses fill.
func appendWhite(to []byte, poses []turned) []byte {
	var g kernel.Group
	for i := range whiteShifts {
		k := &whiteShifts[i]
		clear(g.Mask[:])
		for y := k.first; y < k.end; y++ {
			g.Mask[y] = k.columns
		}
		for first := 0; first < len(poses); first += kernel.Lanes {
			clear(g.Bits[:])
			for j := range poses[first:min(first+kernel.Lanes, len(poses))] {
				copy(g.Bits[j][k.first:], poses[first+j].sparse.rows(k))
			}
			to = kernel.Pack(to, &g)
		}
	}
	clear(g.Bits[:])
	return to
}

// groups is the number of groups that so many poses fill.
func groups(poses int) int { return (poses + kernel.Lanes - 1) / kernel.Lanes }
