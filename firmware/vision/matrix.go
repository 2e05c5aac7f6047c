package vision

import "math"

// Homographies are 3x3, row major.

func multiply(a, b [9]float64) (c [9]float64) {
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				c[3*i+j] += a[3*i+k] * b[3*k+j]
			}
		}
	}
	return c
}

// apply takes p through h. A point on the vanishing line comes out as NaN or Inf.
func apply(h [9]float64, p Point) Point {
	w := h[6]*p.X + h[7]*p.Y + h[8]
	return Point{(h[0]*p.X + h[1]*p.Y + h[2]) / w, (h[3]*p.X + h[4]*p.Y + h[5]) / w}
}

// invert is false where h has no inverse.
func invert(h [9]float64) (inv [9]float64, ok bool) {
	inv = [9]float64{
		h[4]*h[8] - h[5]*h[7], h[2]*h[7] - h[1]*h[8], h[1]*h[5] - h[2]*h[4],
		h[5]*h[6] - h[3]*h[8], h[0]*h[8] - h[2]*h[6], h[2]*h[3] - h[0]*h[5],
		h[3]*h[7] - h[4]*h[6], h[1]*h[6] - h[0]*h[7], h[0]*h[4] - h[1]*h[3],
	}
	det := h[0]*inv[0] + h[1]*inv[3] + h[2]*inv[6]
	if !(math.Abs(det) > 1e-12) || math.IsInf(det, 0) {
		return inv, false
	}
	for i := range inv {
		inv[i] /= det
	}
	return inv, true
}

func (p Point) add(q Point) Point                { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) sub(q Point) Point                { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) times(s float64) Point            { return Point{p.X * s, p.Y * s} }
func (p Point) dot(q Point) float64              { return p.X*q.X + p.Y*q.Y }
func (p Point) cross(q Point) float64            { return p.X*q.Y - p.Y*q.X }
func (p Point) norm() float64                    { return math.Hypot(p.X, p.Y) }
func (p Point) towards(d Point, s float64) Point { return Point{p.X + d.X*s, p.Y + d.Y*s} }

// unit is p with length 1, or zero where p has none.
func (p Point) unit() Point {
	n := p.norm()
	if n == 0 {
		return Point{}
	}
	return Point{p.X / n, p.Y / n}
}
