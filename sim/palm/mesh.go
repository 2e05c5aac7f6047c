package palm

import "math"

// meshStep is the side of a cell of the mesh, in millimetres.
const meshStep = 2.5

// armStep and armRows continue the mesh down the forearm, whose texture goes
// back and forth over the last ten millimetres.
const (
	armStep = 5.0
	armRows = 26
)

// mesh is the canonical plane cut into cells, with what is needed to pose it.
type mesh struct {
	cols, rows int
	vertices   []vertex
	cells      []int32 // upper left vertices of the cells that show skin
	used       []bool  // vertices of those cells
}

// vertex is a point of the skin at rest.
type vertex struct {
	at      Point
	tex     Point // position in texels
	relief  float64
	fingers [4]float64 // share in the turning of each finger
	along   float64    // mm beyond the roots of the fingers, for their curl
	thumb   float64    // share in the turning of the thumb
}

func newMesh(p *person, o *outline, relief *grid) *mesh {
	b := o.view
	m := &mesh{cols: int((b.x1-b.x0)/meshStep+0.5) + 1}
	hand := int((b.y1-b.y0)/meshStep+0.5) + 1
	m.rows = hand
	if b == o.bounds {
		m.rows += armRows
	}
	m.vertices = make([]vertex, 0, m.cols*m.rows)
	for j := range m.rows {
		y, ty := b.y0+float64(j)*meshStep, 0.0
		if ty = y; j >= hand {
			k := j - hand + 1
			y = b.y1 + armStep*float64(k)
			ty = b.y1 - armStep*[4]float64{0, 1, 2, 1}[k%4]
		}
		for i := range m.cols {
			m.vertices = append(m.vertices, newVertex(p, o, relief, Point{b.x0 + float64(i)*meshStep, y}, ty))
		}
	}
	m.chooseCells(o)
	return m
}

func newVertex(p *person, o *outline, relief *grid, at Point, ty float64) vertex {
	v := vertex{
		at:     at,
		tex:    Point{(at.X - o.view.x0) / texelStep, (ty - o.view.y0) / texelStep},
		relief: relief.at(at.X, ty),
	}
	v.fingers, v.along = fingerShares(p, o, at)
	v.thumb = thumbShare(p, o, at)
	return v
}

// fingerShares tells how much each finger carries a point along when it turns
// about its root: all of it on the finger, none in the palm, and between two
// fingers as much as the point is near.
func fingerShares(p *person, o *outline, q Point) (share [4]float64, beyond float64) {
	var near [4]float64
	sum := 0.0
	for i := range o.fingers {
		d := &o.fingers[i]
		t, off := d.along(q)
		gap := max(math.Abs(off)-0.55*d.radius[1], 0) + 0.15
		near[i] = 1 / (gap * gap * gap)
		sum += near[i]
		share[i] = smoothstep(7*p.scale, 32*p.scale, t)
		beyond = max(beyond, t-22*p.scale)
	}
	for i := range share {
		share[i] *= near[i] / sum
	}
	return share, max(beyond, 0)
}

// thumbShare tells how much the thumb carries a point along: all of it on the
// thumb, less over its ball, none beyond the life line nor below the index
// finger.
func thumbShare(p *person, o *outline, q Point) float64 {
	r := q.sub(o.thumb.joints[0])
	dir := o.thumb.dir
	angle := math.Abs(math.Atan2(dir.X*r.Y-dir.Y*r.X, dir.dot(r))) / radian
	limit := 70 - 46*smoothstep(18*p.scale, 56*p.scale, r.norm())
	return smoothstep(limit, 0.25*limit, angle) * smoothstep(4, 30, r.norm())
}

// chooseCells lists the cells that come near the silhouette.
func (m *mesh) chooseCells(o *outline) {
	m.used = make([]bool, len(m.vertices))
	near := func(i int) bool {
		v := &m.vertices[i]
		if o.square != nil && !o.square.holds(v.at) {
			return false
		}
		return o.dist.at(v.at.X, v.tex.Y*texelStep+o.view.y0) < 2.2
	}
	for j := range m.rows - 1 {
		for i := range m.cols - 1 {
			k := j*m.cols + i
			corners := [4]int{k, k + 1, k + m.cols, k + m.cols + 1}
			if near(corners[0]) || near(corners[1]) || near(corners[2]) || near(corners[3]) {
				m.cells = append(m.cells, int32(k))
				for _, c := range corners {
					m.used[c] = true
				}
			}
		}
	}
}
