package matcher

import (
	"math"
	"slices"

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

// settle finds at each of at most bent places how far the whole code lies away, and where the blocks
// do, when every block lies where the cheapest displacements put it.
func (b *bending) settle(t *turns, g *code, places []place) (out [bent]settled) {
	for i, at := range places {
		b.compare(&t.poses[at.pose], g, i, at)
	}
	b.pass()
	b.turn()
	b.pass()
	b.least(&out)
	for i, at := range places {
		out[i].place = at
		out[i].distance = penalised(out[i].differ, out[i].valid)
	}
	return out
}

// A settled is a place with every block where it costs least: the displacement of each, and the bits
// of all together. The zero one is nowhere.
type settled struct {
	place
	bends         [blocks]uint8
	differ, valid int
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
			dy := at.dy - cellsOff(oy+bendReach)
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
		phaseX := (x - bendReach) & 1
		kernel.Move(&b.moved[x], (*kernel.Code)(&p.phases[phaseY*phases+phaseX]), dx-cellsOff(x))
	}
}

// cellsOff is by how many cells a displacement along an axis, 0 to bendRow-1, leads away beside its phase.
func cellsOff(bend int) int { return (bend - bendReach - (bend-bendReach)&1) / phases }

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

// least reads off each block's cheapest displacement and adds up what it compared.
func (b *bending) least(out *[bent]settled) {
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
			to, block, bend := &out[c/blockRow], y*blockRow+c%blockRow, v&(1<<bendBits-1)
			n := b.count[c/blockRow][bend][block]
			to.bends[block] = uint8(bend)
			to.differ += int(n.Differ)
			to.valid += int(n.Valid)
		}
	}
}

// bendBits hold the number of a displacement.
const bendBits = 5

// strength is what a strong bit of the probe counts, where others count 1. A strong answer
// seldom changes its sign from one capture to the next; how strong a template's were is not kept.
const strength = 3

// weighed is the distance of a settled place with the probe's strong bits counted strength times.
func (t *turns) weighed(at *settled, g *code) float64 {
	strong := &t.poses[at.pose].strong
	var moved kernel.Moved
	var count [blocks]kernel.Count
	var differ, valid int
	for bend := range bends {
		x, y := bend%bendRow, bend/bendRow
		dy := at.dy - cellsOff(y)
		if !slices.Contains(at.bends[:], uint8(bend)) || dy < -kernel.Reach || dy > kernel.Reach {
			continue
		}
		phase := (y-bendReach)&1*phases + (x-bendReach)&1
		kernel.Move(&moved, (*kernel.Code)(&strong[phase]), at.dx-cellsOff(x))
		kernel.Blocks(&count, &moved, (*kernel.Code)(g), dy)
		for block, own := range at.bends {
			if own == uint8(bend) {
				differ += int(count[block].Differ)
				valid += int(count[block].Valid)
			}
		}
	}
	differ, valid = at.differ+(strength-1)*differ, at.valid+(strength-1)*valid
	return towards(float64(differ)/float64(max(valid, 1)), at.valid)
}
