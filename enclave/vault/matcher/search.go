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
	list, spread := candidates(t, g)
	return spread.level(nearness(t, g.code, &list))
}

// second is what the second nearest place counts, where the nearest counts 1. A palm agrees with itself
// over a range of places, a stranger's by chance at one. In one pose, which is all that a template has, no other
// place is next to the right one, and the nearest counts alone.
const second = 0.2

// nearness is how near the nearest places of a shortlist come.
func nearness(t *turns, g *code, list *shortlist) float64 {
	list.rank(t, g)
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
	found := b.settle(t, g, places[:n])
	nearest, next := 0, Farthest
	for i := range found[1:n] {
		d := found[1+i].distance
		if d < found[nearest].distance {
			nearest, d = 1+i, found[nearest].distance
		}
		next = min(next, d)
	}
	near := min(t.weighed(&found[nearest], g), Farthest)
	if t.n == 1 {
		return near
	}
	return (near + float64(second*next)) / (1 + second)
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
// white squares of a chess board, and then at the neighbours of the nearest. It also
// tells how codes like these agree by chance.
func candidates(t *turns, g *signature) (shortlist, spread) {
	const most = (len(poses) + kernel.Lanes - 1) / kernel.Lanes * kernel.Lanes
	var differ [whiteCount * most]uint16
	stride := groups(t.n) * kernel.Lanes // from shift to shift
	kernel.Differ(differ[:whiteCount*stride], t.white, (*[sparseRows]uint64)(&g.sparse))
	var white shortlist
	var seen moments
	for i := range whiteShifts {
		w := &whiteShifts[i]
		near := w.within(&white)
		sum, squares := 0, 0
		for pose, n := range differ[i*stride:][:t.n] {
			n := int(n)
			sum += n
			squares += n * n
			if n <= near {
				white.add(place{pose, w.dx, w.dy, w.distance(n)})
				near = w.within(&white)
			}
		}
		seen.add(w, t.n, sum, squares)
	}
	all := white
	for _, p := range white.places[:white.n] {
		for _, step := range [...][2]int{{1, 0}, {0, 1}, {-1, 0}, {0, -1}} {
			dx, dy := p.dx+step[0], p.dy+step[1]
			if max(dx, -dx, dy, -dy) <= reach {
				all.add(place{p.pose, dx, dy, t.poses[p.pose].sparse.distance(&g.sparse, dx, dy)})
			}
		}
	}
	return all, seen.spread(min(t.shown, g.shown))
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
	return towards(float64(differ)/float64(n), n)
}

// towards is penalised of a share of bits that differ among n.
func towards(d float64, n int) float64 {
	agreement := Farthest - d
	return Farthest - float64(agreement*math.Sqrt(min(float64(n)/fullBits, 1)))
}
