package search

import (
	"math/bits"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
)

// enrolled is the one fine code of a palm: what most of its captures say at
// each cell, after each band of each capture was moved onto that of the capture that lies
// nearest to the others. Three captures that outvote each other keep far more
// mates than any one of them.
func enrolled(captures []*matcher.Capture) [kernel.FineWords]uint64 {
	var votes [kernel.FineWords][64]int8
	var w words
	for b, band := range bands {
		var planes [MaxCaptures]matcher.Planes
		n := 0
		for _, c := range captures {
			if p, ok := c.Planes(band); ok {
				planes[n] = p
				n++
			}
		}
		middle, moves := align(planes[:n])
		for i := range planes[:n] {
			w.set(&planes[i], b, moves[i].dx, moves[i].dy)
			weight := int8(2)
			if i == middle {
				weight = 3 // it decides between two
			}
			vote(&votes, &w, b, weight)
		}
		clear(planes[:])
	}
	var code [kernel.FineWords]uint64
	for i := range votes {
		for bit, sum := range votes[i] {
			if sum > 0 {
				code[i] |= 1 << bit
			}
		}
	}
	w, votes = words{}, [kernel.FineWords][64]int8{}
	return code
}

// vote counts the bits of one band for and against.
func vote(votes *[kernel.FineWords][64]int8, w *words, band int, weight int8) {
	const n = kernel.FineWords / 2
	for i := band * n; i < (band+1)*n; i++ {
		for care := w.care[i]; care != 0; care &= care - 1 {
			bit := bits.TrailingZeros64(care)
			if w.bits[i]>>bit&1 == 1 {
				votes[i][bit] += weight
			} else {
				votes[i][bit] -= weight
			}
		}
	}
}

// A move is along the columns and the rows, in cells.
type move struct{ dx, dy int }

// align finds the capture that lies nearest to all others, and the moves that bring these onto it.
func align(planes []matcher.Planes) (middle int, moves [MaxCaptures]move) {
	if len(planes) < 2 {
		return 0, moves
	}
	var onto [MaxCaptures][MaxCaptures]move
	var sum [MaxCaptures]float64
	for i := range planes {
		for j := range planes[:i] {
			m, far := nearestMove(&planes[j], &planes[i])
			onto[i][j], onto[j][i] = m, move{-m.dx, -m.dy}
			sum[i] += far
			sum[j] += far
		}
	}
	for i := range planes {
		if sum[i] < sum[middle] {
			middle = i
		}
	}
	return middle, onto[middle]
}

// alignPlanes are the orientations that captures of one palm are aligned by.
var alignPlanes = [...]int{1, 4}

// nearestMove is the move of p that brings it nearest to q, and how much of what they
// share differs then.
func nearestMove(p, q *matcher.Planes) (best move, far float64) {
	far = 1
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			differ, n := 0, 0
			for _, k := range alignPlanes {
				for y := max(0, dy); y < min(matcher.Cells, matcher.Cells+dy); y++ {
					care := shifted(p.Care[k][y-dy], dx) & q.Care[k][y]
					differ += bits.OnesCount32((shifted(p.Bits[k][y-dy], dx) ^ q.Bits[k][y]) & care)
					n += bits.OnesCount32(care)
				}
			}
			if d := float64(differ) / float64(max(n, 1)); d < far && n > 0 {
				best, far = move{dx, dy}, d
			}
		}
	}
	return best, far
}

func shifted(row uint32, dx int) uint32 {
	if dx < 0 {
		return row >> -dx
	}
	return row << dx
}
