package matcher

import (
	"math"

	"volar/enclave/vault/kernel"
)

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
	bendReach  = 2              // half cells to either side
	bendRow    = kernel.BendRow // 2*bendReach + 1
	bends      = kernel.Bends
	leastBlock = blockSide * blockSide * planes / 2 // bits that must take part for a block to have an opinion

	costUnit  = 1 << 12 // of a block all of whose bits differ
	chance    = costUnit / 2
	stiffness = costUnit / 20 // what neighbours pay that differ by half a cell; it grows with the square
)

// bent is how many places of a palm are looked at with blocks that move, side by side.
const bent = kernel.Chains / blockRow

// A bending is the search for the displacements at some places. The
// chains of blocks that messages pass along are rows of blocks first and then columns:
// chain place*blockRow+i is row or column i at one place.
type bending struct {
	moved [bendRow]kernel.Moved // of one row phase, see load
	count [bent][bends][blocks]kernel.Count

	cost, forth, back [blockRow]kernel.Costs // by how far along the chain
}

// distance is the least, over at most bent places, of the penalised distances (see penalised) of the
// whole code with every block where the cheapest displacements put it.
func (b *bending) distance(t *turns, g *code, places []place) float64 {
	for i, at := range places {
		b.compare(&t.poses[at.pose], g, i, at)
	}
	b.pass()
	b.turn()
	b.pass()
	return b.least(len(places))
}

// compare fills in every block's count and cost at every displacement from one place. A
// displacement of ox half cells looks that far to the right in the probe.
func (b *bending) compare(p *turned, g *code, i int, at place) {
	for phase := range phases {
		b.load(p, phase, at.dx)
		for oy := -bendReach; oy <= bendReach; oy++ {
			if oy&1 != phase {
				continue
			}
			dy := at.dy - (oy-phase)/phases
			for x := range bendRow {
				bend := (oy+bendReach)*bendRow + x
				count := &b.count[i][bend]
				if dy >= -kernel.Reach && dy <= kernel.Reach {
					kernel.Blocks(count, &b.moved[x], (*kernel.Code)(g), dy)
				}
				for k, c := range count {
					cost := int32(chance)
					if c.Valid >= leastBlock {
						cost = costUnit * int32(c.Differ) / int32(c.Valid)
					}
					b.cost[k%blockRow][bend][i*blockRow+k/blockRow] = cost
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

// pass sends messages along the chains from both ends and leaves in forth what each block finds
// with what it heard from either side.
func (b *bending) pass() {
	const last = blockRow - 1
	b.forth[0], b.back[last] = b.cost[0], b.cost[last]
	for i := 1; i <= last; i++ {
		kernel.Stretch(&b.forth[i], &b.forth[i], &b.forth[i-1], &b.cost[i], &b.cost[i], stiffness)
	}
	for i := last - 1; i >= 0; i-- {
		kernel.Stretch(&b.back[i], &b.forth[i], &b.back[i+1], &b.cost[i], &b.forth[i], stiffness)
	}
}

// turn makes chains of columns out of chains of rows.
func (b *bending) turn() {
	for x := range blockRow {
		for y := range blockRow {
			from, to := &b.forth[x], &b.cost[y]
			for i := range from {
				for place := range bent {
					to[i][place*blockRow+x] = from[i][place*blockRow+y]
				}
			}
		}
	}
}

// least reads off each block's cheapest displacement and compares.
func (b *bending) least(places int) float64 {
	var differ, valid [bent]int
	for y := range blockRow {
		var best [kernel.Chains]int32 // the cost and, in its low bits, the displacement
		for c := range best {
			best[c] = math.MaxInt32
		}
		for i := range b.forth[y] {
			for c, cost := range b.forth[y][i] {
				best[c] = min(best[c], cost<<bendBits|int32(i))
			}
		}
		for c, v := range best {
			n := b.count[c/blockRow][v&(1<<bendBits-1)][y*blockRow+c%blockRow]
			differ[c/blockRow] += int(n.Differ)
			valid[c/blockRow] += int(n.Valid)
		}
	}
	least := Farthest
	for i := range places {
		least = min(least, penalised(differ[i], valid[i]))
	}
	return least
}

// bendBits hold the number of a displacement.
const bendBits = 5
