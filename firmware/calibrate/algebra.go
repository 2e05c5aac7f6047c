package calibrate

import "math"

// vector is a point or a direction, millimetres or without a unit.
type vector [3]float64

func (v vector) add(w vector) vector    { return vector{v[0] + w[0], v[1] + w[1], v[2] + w[2]} }
func (v vector) sub(w vector) vector    { return vector{v[0] - w[0], v[1] - w[1], v[2] - w[2]} }
func (v vector) times(k float64) vector { return vector{v[0] * k, v[1] * k, v[2] * k} }
func (v vector) dot(w vector) float64   { return v[0]*w[0] + v[1]*w[1] + v[2]*w[2] }
func (v vector) length() float64        { return math.Sqrt(v.dot(v)) }
func (v vector) unit() vector           { return v.times(1 / v.length()) }
func (v vector) cross(w vector) vector {
	return vector{v[1]*w[2] - v[2]*w[1], v[2]*w[0] - v[0]*w[2], v[0]*w[1] - v[1]*w[0]}
}

// matrix is 3 x 3, row by row.
type matrix [9]float64

func (m matrix) apply(v vector) vector {
	return vector{m[0]*v[0] + m[1]*v[1] + m[2]*v[2], m[3]*v[0] + m[4]*v[1] + m[5]*v[2], m[6]*v[0] + m[7]*v[1] + m[8]*v[2]}
}

func (m matrix) transposed() matrix {
	return matrix{m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]}
}

func (m matrix) times(n matrix) (p matrix) {
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				p[3*i+j] += m[3*i+k] * n[3*k+j]
			}
		}
	}
	return p
}

// angle is by how much a rotation turns, radians.
func (m matrix) angle() float64 { return vector(m.vector()).length() }

// rotation is the matrix that turns around v by its length (Rodrigues).
func rotation(v vector) matrix {
	a := v.length()
	s, c := 1-a*a/6, 0.5-a*a/24 // sin(a)/a and (1-cos(a))/a^2 near 0
	if a > 1e-4 {
		s, c = math.Sin(a)/a, (1-math.Cos(a))/(a*a)
	}
	x, y, z := v[0], v[1], v[2]
	return matrix{
		1 - c*(y*y+z*z), c*x*y - s*z, c*x*z + s*y,
		c*x*y + s*z, 1 - c*(x*x+z*z), c*y*z - s*x,
		c*x*z - s*y, c*y*z + s*x, 1 - c*(x*x+y*y),
	}
}

// vector is the inverse of rotation, for turns of less than half a circle.
func (m matrix) vector() vector {
	w := vector{m[7] - m[5], m[2] - m[6], m[3] - m[1]}
	s, c := w.length()/2, (m[0]+m[4]+m[8]-1)/2
	a := math.Atan2(s, c)
	if s > 1e-6 {
		return w.times(a / (2 * s))
	}
	if c > 0 {
		return w.times(0.5)
	}
	// A turn by half a circle: the axis from the diagonal.
	axis := vector{math.Sqrt(max(0, (m[0]+1)/2)), math.Sqrt(max(0, (m[4]+1)/2)), math.Sqrt(max(0, (m[8]+1)/2))}
	if m[1]+m[3] < 0 {
		axis[1] = -axis[1]
	}
	if m[2]+m[6] < 0 {
		axis[2] = -axis[2]
	}
	return axis.times(a)
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// normal are normal equations: a symmetric matrix and the right side.
type normal struct {
	n    int
	a, b []float64 // a row by row, the upper half
}

func (m *normal) begin(n int) { *m = normal{n, make([]float64, n*n), make([]float64, n)} }

func (m *normal) addTo(i, j int, v float64) {
	if i > j {
		i, j = j, i
	}
	m.a[i*m.n+j] += v
}

// add adds an equation: row times x is right.
func (m *normal) add(row []float64, right float64) {
	for i, v := range row {
		for j := i; j < m.n; j++ {
			m.a[i*m.n+j] += v * row[j]
		}
		m.b[i] += v * right
	}
}

// factor is the Cholesky factor (lower half) of the matrix with its diagonal
// grown by the share damp, after scaling it to ones on the diagonal.
func (m *normal) factor(damp float64) (l, scale []float64, ok bool) {
	n := m.n
	l, scale = make([]float64, n*n), make([]float64, n)
	for i := range n {
		d := m.a[i*n+i]
		if !(d > 0) || math.IsInf(d, 0) {
			return nil, nil, false
		}
		scale[i] = 1 / math.Sqrt(d)
	}
	for i := range n {
		for j := range i + 1 {
			s := m.a[j*n+i] * scale[i] * scale[j]
			if i == j {
				s += damp
			}
			for k := range j {
				s -= l[i*n+k] * l[j*n+k]
			}
			if i != j {
				l[i*n+j] = s / l[j*n+j]
				continue
			}
			if !(s > 1e-13) {
				return nil, nil, false
			}
			l[i*n+i] = math.Sqrt(s)
		}
	}
	return l, scale, true
}

// solve gives x, or false where the equations do not determine it.
func (m *normal) solve(damp float64) ([]float64, bool) { return m.solveFor(m.b, damp) }

func (m *normal) solveFor(right []float64, damp float64) ([]float64, bool) {
	l, scale, ok := m.factor(damp)
	if !ok {
		return nil, false
	}
	n := m.n
	x := make([]float64, n)
	for i := range n {
		s := right[i] * scale[i]
		for k := range i {
			s -= l[i*n+k] * x[k]
		}
		x[i] = s / l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		s := x[i]
		for k := i + 1; k < n; k++ {
			s -= l[k*n+i] * x[k]
		}
		x[i] = s / l[i*n+i]
	}
	for i := range x {
		x[i] *= scale[i]
	}
	return x, true
}

// variance is an element of the inverse's diagonal.
func (m *normal) variance(i int) (float64, bool) {
	unit := make([]float64, m.n)
	unit[i] = 1
	x, ok := m.solveFor(unit, 0)
	if !ok {
		return 0, false
	}
	return x[i], true
}
