package palm

import "math"

// span is a run of pixels in one row of one triangle, with what changes along it.
type span struct {
	y, x0, x1      int   // pixels x0 to x1-1
	u, v, du, dv   int64 // texels, 16.16 fixed point
	f, df          [5]float32
	eu, ev, su, sv float32
}

// Order of the interpolated fields of a span.
const (
	fieldE = iota
	fieldS
	fieldCrease
	fieldVein
	fieldFlush
)

// raster draws the cells of a mesh as triangles: each pixel belongs to one.
func raster(m *mesh, cs []corner, w, h int, draw func(*span)) {
	s := new(span) // one for all: what is handed to draw lies on the heap
	for _, k32 := range m.cells {
		k := int(k32)
		a, b, c, d := &cs[k], &cs[k+1], &cs[k+m.cols], &cs[k+m.cols+1]
		s.triangle(a, b, c, w, h, draw)
		s.triangle(b, c, d, w, h, draw)
	}
}

// triangle draws the spans of a triangle, and sets all of s for each.
func (s *span) triangle(a, b, c *corner, w, h int, draw func(*span)) {
	if !a.ok || !b.ok || !c.ok {
		return
	}
	top, bottom := min(a.y, min(b.y, c.y)), max(a.y, max(b.y, c.y))
	y0, y1 := max(int(math.Ceil(top)), 0), min(int(math.Ceil(bottom)), h)
	if y0 >= y1 || max(a.x, max(b.x, c.x)) < 0 || min(a.x, min(b.x, c.x)) > float64(w) {
		return
	}
	bx, by, cx, cy := b.x-a.x, b.y-a.y, c.x-a.x, c.y-a.y
	det := bx*cy - cx*by
	if math.Abs(det) < 1e-9 {
		return
	}
	inv := 1 / det
	plane := func(fa, fb, fc float64) (gx, gy float64) {
		fb, fc = fb-fa, fc-fa
		return (fb*cy - fc*by) * inv, (fc*bx - fb*cx) * inv
	}
	ux, uy := plane(a.u, b.u, c.u)
	vx, vy := plane(a.v, b.v, c.v)
	const fixed = 65536
	s.du, s.dv = int64(ux*fixed), int64(vx*fixed)
	fields := [3][5]float32{a.fields(), b.fields(), c.fields()}
	var fx, fy [5]float64
	for i := range fx {
		fx[i], fy[i] = plane(float64(fields[0][i]), float64(fields[1][i]), float64(fields[2][i]))
		s.df[i] = float32(fx[i])
	}
	const third = 1.0 / 3
	s.eu, s.ev = (a.eu+b.eu+c.eu)*third, (a.ev+b.ev+c.ev)*third
	s.su, s.sv = (a.su+b.su+c.su)*third, (a.sv+b.sv+c.sv)*third
	for y := y0; y < y1; y++ {
		left, right := math.Inf(1), math.Inf(-1)
		crossing(a, b, float64(y), &left, &right)
		crossing(b, c, float64(y), &left, &right)
		crossing(a, c, float64(y), &left, &right)
		x0, x1 := max(int(math.Ceil(max(left, -1))), 0), min(int(math.Ceil(min(right, 1e6))), w)
		if x0 >= x1 {
			continue
		}
		s.y, s.x0, s.x1 = y, x0, x1
		dx, dy := float64(x0)-a.x, float64(y)-a.y
		s.u, s.v = int64((a.u+ux*dx+uy*dy)*fixed), int64((a.v+vx*dx+vy*dy)*fixed)
		for i := range fx {
			s.f[i] = float32(float64(fields[0][i]) + fx[i]*dx + fy[i]*dy)
		}
		draw(s)
	}
}

// crossing widens [left, right] by where an edge crosses a row. Both
// triangles at an edge compute the same crossing, so no pixel is drawn twice
// or left out.
func crossing(a, b *corner, y float64, left, right *float64) {
	if a.y > b.y {
		a, b = b, a
	}
	if y < a.y || y >= b.y {
		return
	}
	x := a.x + (y-a.y)*((b.x-a.x)/(b.y-a.y))
	*left, *right = min(*left, x), max(*right, x)
}

func (c *corner) fields() [5]float32 {
	return [5]float32{c.e, c.s, c.crease, c.vein, c.flush}
}
