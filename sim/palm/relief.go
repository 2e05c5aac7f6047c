package palm

import "math"

// newRelief is the height of the skin above the plane of the hand, in
// millimetres towards the camera: round digits, the balls of thumb and little
// finger, the pads below the fingers, and the hollow between them.
func newRelief(p *person, o *outline) *grid {
	g := newGrid(o.view, 1)
	s := p.scale
	bump := func(x, y, cx, cy, rx, ry float64) float64 {
		dx, dy := (x/s-cx)/rx, (y/s-cy)/ry
		return math.Exp(-dx*dx - dy*dy)
	}
	for j := range g.h {
		y := g.y0 + float64(j)*g.step
		for i := range g.w {
			x := g.x0 + float64(i)*g.step
			inside := max(0, -float64(o.dist.v[j*g.w+i]))
			h := roundness(inside, 9*s) * s
			h += s * (3.6*bump(x, y, -29, 30, 15, 24) + 2.8*bump(x, y, 33, 30, 14, 30) +
				1.6*bump(x, y, 8, -24, 34, 9) - 2.2*bump(x, y, 3, 8, 20, 22))
			g.v[j*g.w+i] = float32(h)
		}
	}
	return g.blurred(1.6)
}

// roundness is the height of a digit's round side at a distance from its
// outline: a flattened ellipse.
func roundness(inside, radius float64) float64 {
	t := min(inside/radius, 1)
	return 0.62 * radius * math.Sqrt(1-(1-t)*(1-t))
}
