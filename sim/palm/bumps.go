package palm

import "math/rand/v2"

// newBumps is the relief that is too small for the mesh and wider than a
// crease, in millimetres at a step of one millimetre: the flesh bulges beside
// folds, and lies in soft cushions everywhere.
func newBumps(groove *grid, o *outline, rng *rand.Rand) *grid {
	g := newGrid(o.view, 1)
	cushion, small := newLattice(rng, o.bounds, 6), newLattice(rng, o.bounds, 3)
	const n = 1 / texelStep // a whole number
	for j := range g.h {
		for i := range g.w {
			// The mean depth of the grooves in one cell.
			sum := float32(0)
			for y := j * n; y < min((j+1)*n, groove.h); y++ {
				for x := i * n; x < min((i+1)*n, groove.w); x++ {
					sum += groove.v[y*groove.w+x]
				}
			}
			g.v[j*g.w+i] = sum / (n * n)
		}
	}
	wide := g.blurred(1.5)
	for j := range g.h {
		y := g.y0 + float64(j)*g.step
		for i := range g.w {
			x := g.x0 + float64(i)*g.step
			k := j*g.w + i
			// Depth counts downwards, like that of a groove.
			g.v[k] = float32(2.9*float64(wide.v[k]) + 0.27*cushion.at(x, y) + 0.06*small.at(x, y))
		}
	}
	return g
}

// slopes are the derivatives of a map along x and y, per millimetre.
func (g *grid) slopes() (x, y *grid) {
	dx, dy := *g, *g
	dx.v, dy.v = make([]float32, len(g.v)), make([]float32, len(g.v))
	for j := range g.h {
		for i := range g.w {
			k := j*g.w + i
			l, r := max(i-1, 0), min(i+1, g.w-1)
			up, down := max(j-1, 0), min(j+1, g.h-1)
			dx.v[k] = (g.v[j*g.w+r] - g.v[j*g.w+l]) / float32(2*g.step)
			dy.v[k] = (g.v[down*g.w+i] - g.v[up*g.w+i]) / float32(2*g.step)
		}
	}
	return &dx, &dy
}
