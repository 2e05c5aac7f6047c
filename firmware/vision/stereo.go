package vision

import (
	"math"

	"volar/hal"
	"volar/wire"
)

// plane is a plane before the NIR camera as its inverse depth (1/mm): a place
// seen at (x, y) in normalised coordinates is at depth 1/(A x + B y + C).
// Straight lines stay straight in it, so a plane fit is linear.
type plane struct{ A, B, C float64 }

func (p plane) inverseDepth(q Point) float64 { return p.A*q.X + p.B*q.Y + p.C }

// tilt is the angle between the plane's normal and the optical axis, degrees.
func (p plane) tilt() float64 {
	return math.Atan2(math.Hypot(p.A, p.B), p.C) * 180 / math.Pi
}

// stereo is the pair of cameras.
type stereo struct{ cal *hal.Calibration }

func (s stereo) normal(p Point) Point {
	k := s.cal.NIR
	return Point{(p.X - k.Cx) / k.Fx, (p.Y - k.Cy) / k.Fy}
}

func matrixOf(k hal.Intrinsics) [9]float64 {
	return [9]float64{k.Fx, 0, k.Cx, 0, k.Fy, k.Cy, 0, 0, 1}
}

// across is the homography by which p takes the NIR picture to the RGB
// picture: K' (R + T n') K^-1 (Hartley and Zisserman, Multiple View Geometry,
// 2nd ed., equation 13.2, with n' = (A, B, C)).
func (s stereo) across(p plane) [9]float64 {
	n := [3]float64{p.A, p.B, p.C}
	m := s.cal.R
	for i := range 3 {
		for j := range 3 {
			m[3*i+j] += s.cal.T[i] * n[j]
		}
	}
	k := s.cal.NIR
	inv := [9]float64{1 / k.Fx, 0, -k.Cx / k.Fx, 0, 1 / k.Fy, -k.Cy / k.Fy, 0, 0, 1}
	return multiply(matrixOf(s.cal.RGB), multiply(m, inv))
}

// slide is how the RGB picture of what the NIR camera sees at p moves as its
// inverse depth grows: pixels times mm.
func (s stereo) slide(p Point, inverse float64) Point {
	const d = 1e-5
	at := func(v float64) Point { return apply(s.across(plane{0, 0, v}), p) }
	return at(inverse + d).sub(at(inverse - d)).times(1 / (2 * d))
}

// lay puts the palm frame on the plane: the homographies from crop pixels to
// either picture, and the distance between the outer valleys in mm. It takes
// out the plane's tilt.
func (s stereo) lay(v [3]Point, h [9]float64, p plane) (nir, rgb [9]float64, span float64, ok bool) {
	lift := func(q Point) vec {
		n := s.normal(q)
		return vec{n.X, n.Y, 1}.times(1 / p.inverseDepth(n))
	}
	first, last := lift(v[0]), lift(v[2])
	x := last.sub(first)
	span = x.norm()
	x = x.times(1 / span)
	y := vec{p.A, p.B, p.C}.cross(x).unit()
	const mid = wire.Side / 2
	wrist := lift(apply(h, Point{mid, wire.Side})).sub(lift(apply(h, Point{mid, 0})))
	if y.dot(wrist) < 0 {
		y = y.times(-1)
	}
	side := sideShare * span
	step := side / wire.Side
	o := first.add(last).times(0.5).add(x.times(step/2 - side/2)).add(y.times(step/2 + topShare*side))
	x, y = x.times(step), y.times(step)
	onPlane := [9]float64{x[0], y[0], o[0], x[1], y[1], o[1], x[2], y[2], o[2]}
	moved := multiply(s.cal.R, onPlane)
	for i := range 3 {
		moved[3*i+2] += s.cal.T[i]
	}
	nir = multiply(matrixOf(s.cal.NIR), onPlane)
	rgb = multiply(matrixOf(s.cal.RGB), moved)
	for _, z := range []float64{first[2], last[2], o[2], o[2] + wire.Side*y[2]} {
		if !(z > 1 && z < 1e4) {
			return nir, rgb, span, false
		}
	}
	return nir, rgb, span, span > 1
}

// vec is a place or a direction in the NIR camera's frame, mm.
type vec [3]float64

func (a vec) add(b vec) vec       { return vec{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }
func (a vec) sub(b vec) vec       { return vec{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }
func (a vec) times(s float64) vec { return vec{a[0] * s, a[1] * s, a[2] * s} }
func (a vec) dot(b vec) float64   { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
func (a vec) norm() float64       { return math.Sqrt(a.dot(a)) }
func (a vec) unit() vec           { return a.times(1 / a.norm()) }
func (a vec) cross(b vec) vec {
	return vec{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}
