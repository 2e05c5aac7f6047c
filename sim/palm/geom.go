package palm

import "math"

// Point is a point or a vector in a plane: millimetres in the canonical
// frame, pixels in an image.
type Point struct{ X, Y float64 }

func (p Point) add(q Point) Point             { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) sub(q Point) Point             { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) times(k float64) Point         { return Point{k * p.X, k * p.Y} }
func (p Point) dot(q Point) float64           { return p.X*q.X + p.Y*q.Y }
func (p Point) norm() float64                 { return math.Hypot(p.X, p.Y) }
func (p Point) turn() Point                   { return Point{-p.Y, p.X} }
func (p Point) lerp(q Point, t float64) Point { return p.add(q.sub(p).times(t)) }

func (p Point) unit() Point {
	n := p.norm()
	if n == 0 {
		return Point{}
	}
	return p.times(1 / n)
}

// rotated turns p about c by an angle in radians.
func (p Point) rotated(c Point, angle float64) Point {
	s, k := math.Sincos(angle)
	d := p.sub(c)
	return Point{c.X + k*d.X - s*d.Y, c.Y + s*d.X + k*d.Y}
}

// box is a rectangle in the canonical frame, in millimetres.
type box struct{ x0, y0, x1, y1 float64 }

// vec is a point or a vector in the camera's frame, in millimetres.
type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec       { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec       { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) times(k float64) vec { return vec{k * a.x, k * a.y, k * a.z} }
func (a vec) dot(b vec) float64   { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) norm() float64       { return math.Sqrt(a.dot(a)) }
func (a vec) cross(b vec) vec {
	return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x}
}

func (a vec) unit() vec {
	n := a.norm()
	if n == 0 {
		return vec{}
	}
	return a.times(1 / n)
}

// mat is a 3x3 matrix, row major.
type mat [9]float64

func (m *mat) apply(v vec) vec {
	return vec{
		m[0]*v.x + m[1]*v.y + m[2]*v.z,
		m[3]*v.x + m[4]*v.y + m[5]*v.z,
		m[6]*v.x + m[7]*v.y + m[8]*v.z,
	}
}

func (m *mat) mul(n *mat) mat {
	var r mat
	for i := range 3 {
		for j := range 3 {
			r[3*i+j] = m[3*i]*n[j] + m[3*i+1]*n[3+j] + m[3*i+2]*n[6+j]
		}
	}
	return r
}

// rotation turns about x by a, then about y by b, then about z by c, in radians.
func rotation(a, b, c float64) mat {
	sa, ca := math.Sincos(a)
	sb, cb := math.Sincos(b)
	sc, cc := math.Sincos(c)
	rx := mat{1, 0, 0, 0, ca, -sa, 0, sa, ca}
	ry := mat{cb, 0, sb, 0, 1, 0, -sb, 0, cb}
	rz := mat{cc, -sc, 0, sc, cc, 0, 0, 0, 1}
	m := ry.mul(&rx)
	return rz.mul(&m)
}

const radian = math.Pi / 180

// clamp limits v to [lo, hi]. It is not made of min and max, whose care for
// what is not a number costs as much as the loops that call it.
func clamp(v, lo, hi float64) float64 {
	if v < lo {
		return lo
	}
	if v > hi {
		return hi
	}
	return v
}

// smoothstep rises from 0 at a to 1 at b (falls where b < a).
func smoothstep(a, b, x float64) float64 {
	t := clamp((x-a)/(b-a), 0, 1)
	return t * t * (3 - 2*t)
}

// angleBetween two unit vectors, in radians.
func angleBetween(a, b vec) float64 { return math.Atan2(a.cross(b).norm(), a.dot(b)) }
