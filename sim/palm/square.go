package palm

import "math"

// viewMargin is what a palm alone shows round its square: the skin shifts, and a cut may err.
const viewMargin = 7.0

// viewPalm limits what is drawn to the palm square and the valleys that it is laid by.
func (o *outline) viewPalm(scale float64) {
	exact := func(x, y float64) float64 { return o.distance(x, y) }
	for i := range o.valleys {
		o.valleys[i] = o.valley(i, exact)
	}
	a, b := o.valleys[0], o.valleys[2]
	across := b.sub(a).unit()
	side := squareSide * b.sub(a).norm()
	from := a.lerp(b, 0.5).sub(across.times(side / 2)).add(across.turn().times(squareDrop * side))
	o.view = box{math.Inf(1), min(a.Y, b.Y), math.Inf(-1), math.Inf(-1)}
	for i := range 4 {
		q := from.add(across.times(side * float64(i&1))).add(across.turn().times(side * float64(i>>1)))
		o.view.x0, o.view.x1 = min(o.view.x0, q.X-viewMargin), max(o.view.x1, q.X+viewMargin)
		o.view.y0, o.view.y1 = min(o.view.y0, q.Y-viewMargin), max(o.view.y1, q.Y+viewMargin)
	}
	// Whole cells of every map that the whole hand would have.
	const cell = 2 * meshStep
	o.view.x0 = o.bounds.x0 + cell*math.Floor((o.view.x0-o.bounds.x0)/cell)
	o.view.y0 = o.bounds.y0 + cell*math.Floor((o.view.y0-o.bounds.y0)/cell)
	o.view.x1 = o.bounds.x0 + cell*math.Ceil((o.view.x1-o.bounds.x0)/cell)
	o.view.y1 = o.bounds.y0 + cell*math.Ceil((o.view.y1-o.bounds.y0)/cell)
	coarse := newGrid(o.view, meshStep)
	coarse.fill(exact)
	o.dist = newGrid(o.view, 1)
	o.dist.fill(coarse.at)
}

// signed is the distance to the silhouette anywhere.
func (o *outline) signed(q Point) float64 {
	v := &o.view
	if q.X < v.x0 || q.X > v.x1 || q.Y < v.y0 || q.Y > v.y1 {
		return o.distance(q.X, q.Y)
	}
	return o.dist.at(q.X, q.Y)
}
