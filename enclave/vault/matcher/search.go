package matcher

import (
	"math"
	"math/bits"
)

// reach is how far the search moves a probe along each axis, in cells.
const reach = 8

// A place is where the search has a probe: the index of a pose and a shift in cells.
type place struct {
	pose, dx, dy int
	distance     float64
}

// A shortlist keeps the nearest places of the first stage, nearest first.
type shortlist struct {
	n      int
	places [16]place
}

func (l *shortlist) add(p place) {
	if l.n == len(l.places) {
		if p.distance >= l.places[l.n-1].distance {
			return
		}
		l.n--
	}
	i := l.n
	for ; i > 0 && l.places[i-1].distance > p.distance; i-- {
		l.places[i] = l.places[i-1]
	}
	l.places[i] = p
	l.n++
}

// distance searches one band: all poses and shifts on the sparse code, the
// shortlist on the whole code, and around the nearest place the blocks that
// move on their own. Nothing is cut short for strangers, so every distance
// means the same.
func distance(turns []turned, g *signature) float64 {
	var best place
	best.distance = Farthest
	for _, p := range candidates(turns, &g.sparse) {
		p.distance = wholeDistance(turns[p.pose].code, g.code, p.dx, p.dy)
		if p.distance < best.distance {
			best = p
		}
	}
	if best.distance >= Farthest {
		return Farthest
	}
	return blockDistance(turns[best.pose].code, g.code, best)
}

// candidates is the first stage. It looks at every second shift, as on the
// white squares of a chess board, and then at the neighbours of the nearest.
func candidates(turns []turned, g *sparse) []place {
	var white shortlist
	for pose := range turns {
		s := turns[pose].sparse
		for dx := -reach; dx <= reach; dx++ {
			for dy := -reach + (dx+reach)&1; dy <= reach; dy += 2 {
				white.add(place{pose, dx, dy, s.distance(g, dx, dy)})
			}
		}
	}
	all := white
	for _, p := range white.places[:white.n] {
		for _, step := range [...][2]int{{1, 0}, {0, 1}, {-1, 0}, {0, -1}} {
			dx, dy := p.dx+step[0], p.dy+step[1]
			if max(dx, -dx, dy, -dy) <= reach {
				all.add(place{p.pose, dx, dy, turns[p.pose].sparse.distance(g, dx, dy)})
			}
		}
	}
	return all.places[:all.n]
}

// fullBits is the number of bits of a comparison in which every cell takes part.
const fullBits = cells * cells * planes

// penalised is a distance over n of the bits, drawn towards Farthest where
// few take part, because a small overlap is more often close by chance
// (after the iris score normalisation of Daugman 2007, eq. 4).
func penalised(differ, n int) float64 {
	if n == 0 {
		return Farthest
	}
	agreement := Farthest - float64(differ)/float64(n)
	return Farthest - float64(agreement*math.Sqrt(float64(n)/fullBits))
}

// wholeDistance compares all cells at one shift.
func wholeDistance(p, g *code, dx, dy int) float64 {
	differ, n := 0, 0
	for y := max(0, dy); y < min(cells, cells+dy); y++ {
		for w := range words {
			care := move(p.care[y-dy][w], dx) & g.care[y][w]
			differ += bits.OnesCount64((move(p.bits[y-dy][w], dx) ^ g.bits[y][w]) & care)
			n += bits.OnesCount64(care)
		}
	}
	return penalised(differ, n)
}
