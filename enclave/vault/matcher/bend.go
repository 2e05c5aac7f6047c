package matcher

import "volar/enclave/vault/kernel"

// A hovering palm cups and stretches, so its creases move against each other
// by a cell or so. Each block of the enrolled code therefore looks for a place of its own
// about the common one, half a cell at a time; but skin hangs together, so
// neighbours that move apart pay for it. What is sought is the field of displacements that costs
// least, by passing messages along the rows and columns of blocks (min-sum
// belief propagation with the quadratic distance transform of Felzenszwalb and
// Huttenlocher, "Efficient belief propagation for early vision", 2006).
const (
	blockSide  = 8 // cells
	blockRow   = cells / blockSide
	blocks     = blockRow * blockRow
	bendReach  = 2 // half cells to either side
	bendRow    = 2*bendReach + 1
	bends      = bendRow * bendRow
	leastBlock = blockSide * blockSide * planes / 2 // bits that must take part for a block to have an opinion

	costUnit  = 1 << 12 // of a block all of whose bits differ
	chance    = costUnit / 2
	stiffness = costUnit / 20 // what neighbours pay that differ by half a cell; it grows with the square
)

// A bending is the search for the displacements at one place.
type bending struct {
	moved    [bendRow]kernel.Moved // of one row phase, see load
	count    [bends][blocks]kernel.Count
	cost     [blocks][bends]int32
	messages [blocks][4][bends]int32 // from the neighbours on each side
}

// distance is the penalised distance (see penalised) of the whole code about
// a place, with every block where the cheapest displacements put it.
func (b *bending) distance(p *turned, g *code, at place) float64 {
	b.compare(p, g, at)
	b.messages = [blocks][4][bends]int32{}
	for side := range b.messages[0] {
		b.sweep(side)
	}
	differ, n := 0, 0
	for i := range blocks {
		c := b.count[b.choice(i)][i]
		differ += int(c.Differ)
		n += int(c.Valid)
	}
	return penalised(differ, n)
}

// compare fills in every block's count and cost at every displacement. A
// displacement of ox half cells looks that far to the right in the probe.
func (b *bending) compare(p *turned, g *code, at place) {
	for phase := range phases {
		b.load(p, phase, at.dx)
		for oy := -bendReach; oy <= bendReach; oy++ {
			if oy&1 != phase {
				continue
			}
			dy := at.dy - (oy-phase)/phases
			for x := range bendRow {
				i := (oy+bendReach)*bendRow + x
				if dy < -kernel.Reach || dy > kernel.Reach {
					b.count[i] = [blocks]kernel.Count{}
				} else {
					kernel.Blocks(&b.count[i], &b.moved[x], (*kernel.Code)(g), dy)
				}
				for k, c := range &b.count[i] {
					b.cost[k][i] = chance
					if c.Valid >= leastBlock {
						b.cost[k][i] = costUnit * int32(c.Differ) / int32(c.Valid)
					}
				}
			}
		}
	}
}

// load moves the codes of one row phase to every displacement along the columns.
func (b *bending) load(p *turned, phaseY, dx int) {
	for x := range bendRow {
		ox := x - bendReach
		phaseX := ox & 1
		kernel.Move(&b.moved[x], (*kernel.Code)(&p.phases[phaseY*phases+phaseX]), dx-(ox-phaseX)/phases)
	}
}

// The sides that a block hears from: the block to the left, right, above, below.
var sides = [4]struct{ x, y int }{{-1, 0}, {1, 0}, {0, -1}, {0, 1}}

// sweep passes messages on from one side, each block after the one that it hears from.
func (b *bending) sweep(side int) {
	s := sides[side]
	for k := range blocks {
		to := k
		if s.x+s.y > 0 {
			to = blocks - 1 - k
		}
		x, y := to%blockRow+s.x, to/blockRow+s.y
		if x < 0 || y < 0 || x >= blockRow || y >= blockRow {
			continue
		}
		from := y*blockRow + x
		belief := b.cost[from]
		for i := range b.messages[from] {
			if i == side^1 { // what it heard from here does not go back
				continue
			}
			for j, m := range &b.messages[from][i] {
				belief[j] += m
			}
		}
		b.messages[to][side] = stretched(&belief)
	}
}

// stretched is, for each displacement, the least belief in any displacement
// of the neighbour plus what the two pay for lying apart, less the least of all.
func stretched(v *[bends]int32) (out [bends]int32) {
	var rows [bends]int32
	for i := 0; i < bends; i += bendRow {
		transform((*[bendRow]int32)(rows[i:]), v[i], v[i+1], v[i+2], v[i+3], v[i+4])
	}
	least := int32(1 << 30)
	for x := range bendRow {
		var column [bendRow]int32
		transform(&column, rows[x], rows[x+5], rows[x+10], rows[x+15], rows[x+20])
		for y, m := range column {
			out[y*bendRow+x] = m
			least = min(least, m)
		}
	}
	for i := range out {
		out[i] -= least
	}
	return out
}

// choice is the displacement that a block and all that it hears find cheapest.
func (b *bending) choice(block int) int {
	best, least := 0, int32(1<<30)
	heard := &b.messages[block]
	for i, c := range &b.cost[block] {
		if c += heard[0][i] + heard[1][i] + heard[2][i] + heard[3][i]; c < least {
			best, least = i, c
		}
	}
	return best
}

// transform is the distance transform along one axis: out[i] is the least of
// in[j] plus the price of lying i-j half cells apart.
func transform(out *[bendRow]int32, a, b, c, d, e int32) {
	const p1, p2, p3, p4 = stiffness, 4 * stiffness, 9 * stiffness, 16 * stiffness
	out[0] = min(a, b+p1, c+p2, d+p3, e+p4)
	out[1] = min(a+p1, b, c+p1, d+p2, e+p3)
	out[2] = min(a+p2, b+p1, c, d+p1, e+p2)
	out[3] = min(a+p3, b+p2, c+p1, d, e+p1)
	out[4] = min(a+p4, b+p3, c+p2, d+p1, e)
}
