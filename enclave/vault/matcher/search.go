package matcher

import (
	"math"

	"volar/enclave/vault/kernel"
)

// reach is how far the search moves a probe along each axis, in cells.
const reach = kernel.Reach

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
// shortlist on the whole code, and about the nearest places the blocks that
// move on their own. Nothing is cut short for strangers, so every distance
// means the same.
func distance(t *turns, g *signature) float64 {
	list := candidates(t, &g.sparse)
	list.rank(t, g.code)
	var places [bent]place
	n := 0
	for ; n < bent; n++ {
		at, ok := list.take()
		if !ok {
			break
		}
		places[n] = at
	}
	if n == 0 {
		return Farthest
	}
	var b bending
	return b.distance(t, g.code, places[:n])
}

// rank sets the places' distances to those of whole codes.
func (l *shortlist) rank(t *turns, g *code) {
	var moved kernel.Moved
	for i := range l.places[:l.n] {
		p := &l.places[i]
		kernel.Move(&moved, (*kernel.Code)(&t.poses[p.pose].phases[0]), p.dx)
		n := kernel.Whole(&moved, (*kernel.Code)(g), p.dy)
		p.distance = penalised(int(n.Differ), int(n.Valid))
	}
}

// take takes the nearest place off the list, and its neighbours in the same
// pose, which the blocks reach from there; not ok where no place agrees better than chance.
func (l *shortlist) take() (place, bool) {
	best := place{distance: Farthest}
	for _, p := range l.places[:l.n] {
		if p.distance < best.distance {
			best = p
		}
	}
	kept := l.places[:0]
	for _, p := range l.places[:l.n] {
		if p.pose != best.pose || max(p.dx-best.dx, best.dx-p.dx, p.dy-best.dy, best.dy-p.dy) > 1 {
			kept = append(kept, p)
		}
	}
	l.n = len(kept)
	return best, best.distance < Farthest
}

// candidates is the first stage. It looks at every second shift, as on the
// white squares of a chess board, and then at the neighbours of the nearest.
func candidates(t *turns, g *sparse) shortlist {
	const most = (len(poses) + kernel.Lanes - 1) / kernel.Lanes * kernel.Lanes
	var differ [whiteCount * most]uint16
	stride := groups(t.n) * kernel.Lanes // from shift to shift
	kernel.Differ(differ[:whiteCount*stride], t.white, (*[sparseRows]uint64)(g))
	var white shortlist
	worst := math.Inf(1) // that still gets onto the list
	for pose := range t.n {
		for i := range whiteShifts {
			w := &whiteShifts[i]
			d := w.distance(int(differ[i*stride+pose]))
			if d >= worst {
				continue
			}
			white.add(place{pose, w.dx, w.dy, d})
			if white.n == len(white.places) {
				worst = white.places[white.n-1].distance
			}
		}
	}
	all := white
	for _, p := range white.places[:white.n] {
		for _, step := range [...][2]int{{1, 0}, {0, 1}, {-1, 0}, {0, -1}} {
			dx, dy := p.dx+step[0], p.dy+step[1]
			if max(dx, -dx, dy, -dy) <= reach {
				all.add(place{p.pose, dx, dy, t.poses[p.pose].sparse.distance(g, dx, dy)})
			}
		}
	}
	return all
}

// fullBits is the number of bits that equal codes share which show skin all over.
const fullBits = cells * cells * planes * (1 - fragile)

// penalised is a distance over n of the bits, drawn towards Farthest where
// few take part, because a small overlap is more often close by chance
// (after the iris score normalisation of Daugman 2007, eq. 4).
func penalised(differ, n int) float64 {
	if n == 0 {
		return Farthest
	}
	agreement := Farthest - float64(differ)/float64(n)
	return Farthest - float64(agreement*math.Sqrt(min(float64(n)/fullBits, 1)))
}
