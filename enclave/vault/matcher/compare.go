package matcher

import (
	"math"
	"math/bits"

	"volar/wire"
)

// Farthest is the distance of captures that cannot be compared: no band in
// common, or too little overlap.
const Farthest = 0.5

// A Score is how far two captures lie apart: 0 for equal codes, about 0.4
// to 0.5 for strangers, Farthest where nothing could be compared.
type Score struct {
	RGB, NIR float64
	Fused    float64 // what decisions are taken on: the mean over Bands
	Bands    Bands
}

// Bands is the set of bands that a Score rests on.
type Bands uint8

// The sets that a decision knows a threshold for.
const (
	OnlyRGB   Bands = 1
	OnlyNIR   Bands = 2
	BothBands Bands = OnlyRGB | OnlyNIR
)

// Compare measures how far the probe is from a capture. Hands are not
// looked at: Identify, Verify and SamePalm never compare across hands.
func (p *Probe) Compare(c *Capture) Score {
	var d [2]float64
	var set Bands
	sum, n := 0.0, 0.0
	for i := range d {
		d[i] = Farthest
		if p.bands[i] == nil || c.bands[i] == nil {
			continue
		}
		d[i] = distance(p.bands[i], c.bands[i].code)
		set |= 1 << i
		sum += d[i]
		n++
	}
	s := Score{RGB: d[bandIndex(wire.RGB)], NIR: d[bandIndex(wire.NIR)], Fused: Farthest, Bands: set}
	if n > 0 {
		s.Fused = sum / n
	}
	return s
}

// A place is where the search has a probe: a pose and a shift in cells.
type place struct {
	pose, dx, dy int
	distance     float64
}

// distance is the search of one band: the best place of the whole grid
// first, then blocks that move on their own around it.
func distance(turns []turned, g *code) float64 {
	best := global(turns, g)
	if best.distance >= Farthest {
		return Farthest
	}
	return local(turns[best.pose], best, g)
}

// full is the number of bits of a comparison in which every cell takes part.
const full = cells * cells * planes

// penalised is a distance over n bits, drawn towards Farthest where few bits
// take part, because a small overlap is more often close by chance.
func penalised(differ, n, of int) float64 {
	if n == 0 {
		return Farthest
	}
	d := float64(differ) / float64(n)
	return Farthest - (Farthest-d)*math.Sqrt(float64(n)/float64(of))
}

// global tries every pose and shift on every second row.
func global(turns []turned, g *code) place {
	best := place{distance: Farthest}
	for pose := range turns {
		for dx := -reach; dx <= reach; dx++ {
			moved := turns[pose][dx+reach]
			for dy := -reach; dy <= reach; dy++ {
				differ, n := 0, 0
				for y := max(0, dy); y < min(cells, cells+dy); y += 2 {
					pb, pc := &moved.bits[y-dy], &moved.care[y-dy]
					gb, gc := &g.bits[y], &g.care[y]
					for w := range words {
						care := pc[w] & gc[w]
						differ += bits.OnesCount64((pb[w] ^ gb[w]) & care)
						n += bits.OnesCount64(care)
					}
				}
				if d := penalised(differ, n, full/2); d < best.distance {
					best = place{pose, dx, dy, d}
				}
			}
		}
	}
	return best
}

// The blocks that move on their own.
const (
	blockSide  = 8 // cells
	blocks     = cells / blockSide
	blockReach = 1   // cells around the best place
	leastBlock = 0.5 // share of a block's bits that must take part
	leastCount = 9   // blocks that must take part
	bestCount  = 12  // blocks that count: the rest may be hidden by a ring or a plaster
)

// local moves each block on its own around a place and averages the best of them.
func local(t turned, at place, g *code) float64 {
	var found []float64
	for by := range blocks {
		for bx := range blocks {
			least := Farthest * 2
			for dx := max(-reach, at.dx-blockReach); dx <= min(reach, at.dx+blockReach); dx++ {
				for dy := at.dy - blockReach; dy <= at.dy+blockReach; dy++ {
					differ, n := block(t[dx+reach], g, bx, by, dy)
					if float64(n) < leastBlock*blockSide*blockSide*planes {
						continue
					}
					least = min(least, float64(differ)/float64(n))
				}
			}
			if least < Farthest*2 {
				found = append(found, least)
			}
		}
	}
	if len(found) < leastCount {
		return Farthest
	}
	return meanOfLeast(found, bestCount)
}

func block(moved, g *code, bx, by, dy int) (differ, n int) {
	half := uint64(1<<blockSide-1) << (bx * blockSide)
	mask := half | half<<32
	for y := max(by*blockSide, dy); y < min((by+1)*blockSide, cells+dy); y++ {
		for w := range words {
			care := moved.care[y-dy][w] & g.care[y][w] & mask
			differ += bits.OnesCount64((moved.bits[y-dy][w] ^ g.bits[y][w]) & care)
			n += bits.OnesCount64(care)
		}
	}
	return differ, n
}

// meanOfLeast averages the k smallest values, or all where there are fewer.
func meanOfLeast(v []float64, k int) float64 {
	for i := 1; i < len(v); i++ {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
	k = min(k, len(v))
	sum := 0.0
	for _, d := range v[:k] {
		sum += d
	}
	return sum / float64(k)
}
