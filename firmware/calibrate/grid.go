package calibrate

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrNoTarget means that no whole target is in a picture.
var ErrNoTarget = errors.New("no whole target in the picture")

// find gives the inner corners of a chessboard, row by row.
func find(g *grey, b Chessboard) ([]Point, error) {
	list := g.corners()
	if need := b.Columns * b.Rows; len(list) < need {
		return nil, fmt.Errorf("%w: %d places look like corners, it has %d: hold the whole target into view, flat and in focus", ErrNoTarget, len(list), need)
	}
	most := 0
	for _, seed := range seeds(list) {
		m := &mesh{g: g, list: list, at: map[[2]int]int{}}
		if !m.begin(seed) {
			continue
		}
		m.grow()
		if found := m.whole(b); found != nil {
			return g.finish(found, b)
		}
		most = max(most, len(m.at))
	}
	return nil, fmt.Errorf("%w: at most %d of its %d corners hang together: hold the whole target into view, with nothing over it", ErrNoTarget, most, b.Columns*b.Rows)
}

// seeds are candidates to begin with: strong ones, and not many.
func seeds(list []corner) []int {
	n := min(len(list), 40)
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// mesh is a part of a chessboard that grows from a corner.
type mesh struct {
	g    *grey
	list []corner
	at   map[[2]int]int // place in the mesh -> index in list
	used []bool
}

// near is the corner closest to a place, within reach; -1 where there is none.
func (m *mesh) near(p Point, reach float64) int {
	best, at := reach, -1
	for i, c := range m.list {
		if d := c.distance(p); d < best && (m.used == nil || !m.used[i]) {
			best, at = d, i
		}
	}
	return at
}

// edge tells whether an edge of squares runs from p to q: one side of its
// middle dark, the other light.
func (m *mesh) edge(p, q Point) bool {
	step := q.sub(p)
	side := Point{-step.Y, step.X}.times(0.18)
	for _, at := range []float64{0.3, 0.5, 0.7} {
		middle := p.add(step.times(at))
		a, b := m.g.sample(middle.add(side)), m.g.sample(middle.sub(side))
		if math.Abs(a-b) < 0.15*(a+b) {
			return false
		}
	}
	return true
}

// begin looks for the two steps of the mesh at a corner: the shortest that
// lead along edges to corners on both sides.
func (m *mesh) begin(seed int) bool {
	p := m.list[seed].Point
	type way struct {
		to   int
		step Point
	}
	var ways []way
	for i, c := range m.list {
		step := c.sub(p)
		if l := step.length(); i == seed || l < 6 {
			continue
		}
		if m.edge(p, c.Point) && m.near(p.sub(step), 0.35*step.length()) >= 0 {
			ways = append(ways, way{i, step})
		}
	}
	slices.SortStableFunc(ways, func(a, b way) int { return int(math.Copysign(1, a.step.length()-b.step.length())) })
	for i, u := range ways[:min(len(ways), 6)] {
		for _, v := range ways[i+1 : min(len(ways), 12)] {
			if sine := u.step.cross(v.step) / (u.step.length() * v.step.length()); math.Abs(sine) < 0.3 {
				continue
			}
			if u.step.cross(v.step) < 0 {
				u, v = v, u
			}
			m.used = make([]bool, len(m.list))
			for place, i := range map[[2]int]int{{0, 0}: seed, {1, 0}: u.to, {0, 1}: v.to} {
				m.at[place] = i
				m.used[i] = true
			}
			return true
		}
	}
	return false
}

// sides are the four ways in a mesh.
var sides = [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}}

// grow adds neighbours until there are none.
func (m *mesh) grow() {
	for grown := true; grown && len(m.at) <= maxCorners; {
		grown = false
		places := make([][2]int, 0, len(m.at))
		for place := range m.at {
			places = append(places, place)
		}
		slices.SortFunc(places, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
		for _, place := range places {
			for _, s := range sides {
				if m.extend(place, s) {
					grown = true
				}
			}
		}
	}
}

// extend looks for the neighbour of a place.
func (m *mesh) extend(place, side [2]int) bool {
	to := [2]int{place[0] + side[0], place[1] + side[1]}
	if _, there := m.at[to]; there {
		return false
	}
	step, ok := m.step(place, side)
	if !ok {
		return false
	}
	p := m.list[m.at[place]].Point
	i := m.near(p.add(step), 0.3*step.length())
	if i < 0 || !m.edge(p, m.list[i].Point) {
		return false
	}
	m.at[to], m.used[i] = i, true
	return true
}

// step is where a neighbour should lie: as far as the one behind, or as the
// neighbour of the neighbour beside.
func (m *mesh) step(place, side [2]int) (Point, bool) {
	p := m.list[m.at[place]].Point
	if b, ok := m.at[[2]int{place[0] - side[0], place[1] - side[1]}]; ok {
		return p.sub(m.list[b].Point), true
	}
	for _, s := range sides {
		beside := [2]int{place[0] + s[0], place[1] + s[1]}
		i, ok := m.at[beside]
		if !ok || s == side {
			continue
		}
		if j, ok := m.at[[2]int{beside[0] + side[0], beside[1] + side[1]}]; ok {
			return m.list[j].Point.sub(m.list[i].Point), true
		}
	}
	return Point{}, false
}

// whole gives the corners row by row if they are exactly the chessboard's,
// with the columns along its longer side, seen from the front.
func (m *mesh) whole(b Chessboard) []Point {
	lo, hi := [2]int{math.MaxInt, math.MaxInt}, [2]int{math.MinInt, math.MinInt}
	for place := range m.at {
		for k := range 2 {
			lo[k], hi[k] = min(lo[k], place[k]), max(hi[k], place[k])
		}
	}
	w, h := hi[0]-lo[0]+1, hi[1]-lo[1]+1
	if len(m.at) != b.Columns*b.Rows || w*h != len(m.at) || w != b.Columns && w != b.Rows {
		return nil
	}
	points := make([]Point, 0, len(m.at))
	for row := range b.Rows {
		for column := range b.Columns {
			place := [2]int{lo[0] + column, lo[1] + row}
			if w != b.Columns { // turned by a quarter
				place = [2]int{hi[0] - row, lo[1] + column}
			}
			points = append(points, m.list[m.at[place]].Point)
		}
	}
	return points
}

// finish refines the corners and turns them so that the first square among
// them is black.
func (g *grey) finish(points []Point, b Chessboard) ([]Point, error) {
	at := func(column, row int) Point { return points[row*b.Columns+column] }
	centre := func(column, row int) float64 {
		p := at(column, row).add(at(column+1, row)).add(at(column, row+1)).add(at(column+1, row+1))
		return g.sample(p.times(0.25))
	}
	first, last := centre(0, 0)+centre(1, 1), centre(b.Columns-2, b.Rows-2)+centre(b.Columns-3, b.Rows-3)
	if math.Abs(first-last) < 0.2*(first+last) {
		return nil, fmt.Errorf("%w: its black and white are %.2f and %.2f of full scale: more light, no glare; print with a laser, ink is white in near-infrared light", ErrNoTarget, first/2, last/2)
	}
	if first > last {
		slices.Reverse(points)
	}
	for i, p := range points {
		half := min(max(int(g.least(points, i, b)/3), 3), 9)
		fine, ok := g.refine(p, half)
		if !ok {
			return nil, fmt.Errorf("%w: corner %d is blurred: hold still", ErrNoTarget, i)
		}
		points[i] = fine
	}
	return points, nil
}

// least is how far a corner's closest neighbour is.
func (g *grey) least(points []Point, i int, b Chessboard) float64 {
	column, row := i%b.Columns, i/b.Columns
	least := math.Inf(1)
	for _, s := range sides {
		if c, r := column+s[0], row+s[1]; c >= 0 && r >= 0 && c < b.Columns && r < b.Rows {
			least = min(least, points[i].distance(points[r*b.Columns+c]))
		}
	}
	return least
}
