package palm

import "math"

// catmull is the Catmull-Rom spline between b and c.
func catmull(a, b, c, d Point, t float64) Point {
	t2, t3 := t*t, t*t*t
	f := func(a, b, c, d float64) float64 {
		return 0.5 * (2*b + (c-a)*t + (2*a-5*b+4*c-d)*t2 + (3*b-a-3*c+d)*t3)
	}
	return Point{f(a.X, b.X, c.X, d.X), f(a.Y, b.Y, c.Y, d.Y)}
}

// through is an open curve through the points, with samples about step
// millimetres apart.
func through(p []Point, step float64) []Point {
	if len(p) < 2 {
		return p
	}
	first := p[0].times(2).sub(p[1])
	last := p[len(p)-1].times(2).sub(p[len(p)-2])
	at := func(i int) Point {
		switch {
		case i < 0:
			return first
		case i >= len(p):
			return last
		}
		return p[i]
	}
	var out []Point
	for i := range len(p) - 1 {
		n := max(int(math.Ceil(p[i+1].sub(p[i]).norm()/step)), 1)
		for k := range n {
			out = append(out, catmull(at(i-1), at(i), at(i+1), at(i+2), float64(k)/float64(n)))
		}
	}
	return append(out, p[len(p)-1])
}

// arc gives the length of a polyline up to each of its points.
func arc(p []Point) []float64 {
	s := make([]float64, len(p))
	for i := 1; i < len(p); i++ {
		s[i] = s[i-1] + p[i].sub(p[i-1]).norm()
	}
	return s
}

// heading is the unit tangent of a polyline at point i.
func heading(p []Point, i int) Point {
	return p[min(i+1, len(p)-1)].sub(p[max(i-1, 0)]).unit()
}
