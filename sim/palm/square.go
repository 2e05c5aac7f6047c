package palm

import "math"

// viewMargin is what a palm alone shows round its square: the skin shifts, and a cut may err.
const viewMargin = 10.0

// viewPalm limits what is drawn to the palm square and the valleys that it is laid by.
func (o *outline) viewPalm(scale float64) {
	for i := range o.valleys {
		o.valleys[i] = o.valley(i, 3, o.distance)
	}
	a, b := o.valleys[0], o.valleys[2]
	across := b.sub(a).unit()
	side := squareSide * b.sub(a).norm()
	from := a.lerp(b, 0.5).sub(across.times(side / 2)).add(across.turn().times(squareDrop * side))
	o.square = &quad{from.sub(across.add(across.turn()).times(viewMargin)), across, side + 2*viewMargin}
	o.view = box{math.Inf(1), min(a.Y, b.Y), math.Inf(-1), math.Inf(-1)}
	for i := range 4 {
		q := o.square.corner(i)
		o.view.x0, o.view.x1 = min(o.view.x0, q.X), max(o.view.x1, q.X)
		o.view.y0, o.view.y1 = min(o.view.y0, q.Y), max(o.view.y1, q.Y)
	}
	// Whole cells of every map that the whole hand would have.
	const cell = 2 * meshStep
	o.view.x0 = o.bounds.x0 + cell*math.Floor((o.view.x0-o.bounds.x0)/cell)
	o.view.y0 = o.bounds.y0 + cell*math.Floor((o.view.y0-o.bounds.y0)/cell)
	o.view.x1 = o.bounds.x0 + cell*math.Ceil((o.view.x1-o.bounds.x0)/cell)
	o.view.y1 = o.bounds.y0 + cell*math.Ceil((o.view.y1-o.bounds.y0)/cell)
	coarse := newGrid(o.view, meshStep)
	coarse.fill(o.distance)
	o.dist = newGrid(o.view, 1)
	o.dist.fill(coarse.at)
}

// quad is a square that lies askew: from a corner along a unit vector and across it.
type quad struct {
	from, along Point
	side        float64
}

func (q *quad) corner(i int) Point {
	return q.from.add(q.along.times(q.side * float64(i&1))).add(q.along.turn().times(q.side * float64(i>>1)))
}

// columns are the samples of a map's row at y that are drawn, the last one excluded.
func (o *outline) columns(y, x0, step float64, n int) (first, end int) {
	if o.square == nil {
		return 0, n
	}
	left, right := math.Inf(1), math.Inf(-1)
	y = clamp(y, o.square.top(), o.square.bottom())
	for i := range 4 {
		a, b := o.square.corner(i), o.square.corner([4]int{1, 3, 0, 2}[i])
		if (a.Y > y) == (b.Y > y) && a.Y != y && b.Y != y {
			continue
		}
		x := a.X
		if a.Y != b.Y {
			x = a.lerp(b, (y-a.Y)/(b.Y-a.Y)).X
		}
		left, right = min(left, x), max(right, x)
	}
	first = int(clamp((left-x0)/step-1, 0, float64(n)))
	return first, int(clamp((right-x0)/step+2, float64(first), float64(n)))
}

// holds says whether a point lies within.
func (q *quad) holds(p Point) bool {
	r := p.sub(q.from)
	x, y := r.dot(q.along), r.dot(q.along.turn())
	return x >= 0 && y >= 0 && x <= q.side && y <= q.side
}

func (q *quad) top() float64    { return min(q.corner(0).Y, q.corner(1).Y) }
func (q *quad) bottom() float64 { return max(q.corner(2).Y, q.corner(3).Y) }

// signed is the distance to the silhouette anywhere.
func (o *outline) signed(q Point) float64 {
	v := &o.view
	if q.X < v.x0 || q.X > v.x1 || q.Y < v.y0 || q.Y > v.y1 {
		return o.distance(q.X, q.Y)
	}
	return o.dist.at(q.X, q.Y)
}
