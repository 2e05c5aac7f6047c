package matcher

import (
	"math"
	"math/bits"
)

// A hovering palm cups and stretches, so its creases move against each other
// by a cell or so. Each block therefore looks for its own best place around the common one.
const (
	blockSide  = 8 // cells
	blocks     = cells / blockSide
	blockReach = 1   // cells around the common place
	leastBlock = 0.5 // share of a block's bits that must take part for it to count
	leastCount = 9   // blocks that must count
	bestCount  = 12  // blocks that are averaged: a ring or a plaster may spoil the rest
)

// blockDistance averages the nearest blocks around a place, drawn towards
// Farthest where fewer than bestCount count.
func blockDistance(p, g *code, at place) float64 {
	var least [blocks * blocks]float64
	for i := range least {
		least[i] = math.Inf(1)
	}
	var moved code
	for dx := at.dx - blockReach; dx <= at.dx+blockReach; dx++ {
		moved.setMoved(p, dx)
		for i := range least {
			for dy := at.dy - blockReach; dy <= at.dy+blockReach; dy++ {
				differ, n := compareBlock(&moved, g, i%blocks, i/blocks, dy)
				if n >= int(leastBlock*blockSide*blockSide*planes) {
					least[i] = min(least[i], float64(differ)/float64(n))
				}
			}
		}
	}
	sortFew(least[:])
	sum, count := 0.0, 0
	for count < bestCount && !math.IsInf(least[count], 1) {
		sum += least[count]
		count++
	}
	if count < leastCount {
		return Farthest
	}
	agreement := Farthest - sum/float64(count)
	return Farthest - float64(agreement*math.Sqrt(float64(count)/bestCount))
}

// setMoved makes c the code p moved by dx columns; what comes in from outside has no care.
func (c *code) setMoved(p *code, dx int) {
	for y := range cells {
		for w := range words {
			c.bits[y][w] = move(p.bits[y][w], dx)
			c.care[y][w] = move(p.care[y][w], dx)
		}
	}
}

// compareBlock counts the bits of block (bx, by) of the gallery's code that
// take part, and those that differ, with the probe moved down by dy rows.
func compareBlock(moved, g *code, bx, by, dy int) (differ, n int) {
	columns := uint64(1<<blockSide-1) << (bx * blockSide)
	columns |= columns << cells
	for y := max(by*blockSide, dy); y < min((by+1)*blockSide, cells+dy); y++ {
		for w := range words {
			care := moved.care[y-dy][w] & g.care[y][w] & columns
			differ += bits.OnesCount64((moved.bits[y-dy][w] ^ g.bits[y][w]) & care)
			n += bits.OnesCount64(care)
		}
	}
	return differ, n
}

// sortFew sorts a handful of values by insertion.
func sortFew(v []float64) {
	for i := 1; i < len(v); i++ {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
}
