package palm

import (
	"math"

	"volar/hal"
)

// shape is a hand as it is held in one wave: its mesh in millimetres in the
// frame of the hand (x, y in the plane of the palm, z away from the camera),
// not yet placed in space. The skin keeps this shape during a wave.
type shape struct {
	p, n   []vec // position and outward normal of each vertex
	tu, tv []vec // unit vectors along the skin, for growing x and y of the canonical frame
	crease []float32
	vein   []float32
	flush  []float32
	gleam  [2][]float32 // by hal.Band: how much lighter the skin is than usual
}

// newShape bends, stretches and folds the mesh of a hand; a sheet is only
// bent.
func newShape(w *Wave, b *body) *shape {
	m := b.mesh
	n := len(m.vertices)
	s := &shape{
		p: make([]vec, n), n: make([]vec, n), tu: make([]vec, n), tv: make([]vec, n),
		crease: make([]float32, n), vein: make([]float32, n), flush: make([]float32, n),
		gleam: [2][]float32{make([]float32, n), make([]float32, n)},
	}
	place := newWarp(w.Anatomy, &w.Pose).place
	if s := w.sheet(); s != nil {
		place = s.place
	}
	for i := range m.vertices {
		if m.used[i] {
			s.p[i] = place(&m.vertices[i])
		}
	}
	s.today(w, m)
	s.orient(m)
	return s
}

// warp holds what moves the skin.
type warp struct {
	a        *Anatomy
	q        *Pose
	turn     [4]float64 // of each finger, radians
	thumb    float64
	affine   [4]float64
	dx, dy   *lattice
	mirrored bool
}

func newWarp(a *Anatomy, q *Pose) *warp {
	rng := newRand(q.Skin, 'w')
	w := &warp{a: a, q: q, mirrored: a.mirrored()}
	for i := range w.turn {
		rest := math.Atan2(a.outline.fingers[i].dir.X, -a.outline.fingers[i].dir.Y)
		w.turn[i] = (q.Spread-1)*(rest-3*radian) + normal(rng, 0, 2*q.Stretch)*radian
	}
	w.thumb = -q.Thumb * radian
	k := 0.016 * q.Stretch
	w.affine = [4]float64{1 + normal(rng, 0, k), normal(rng, 0, k), normal(rng, 0, k), 1 + normal(rng, 0, k)}
	w.dx, w.dy = newLattice(rng, a.outline.bounds, 21), newLattice(rng, a.outline.bounds, 21)
	return w
}

// place moves a vertex from the canonical plane to the frame of the hand.
func (w *warp) place(v *vertex) vec {
	o := w.a.outline
	p := v.at
	if v.thumb > 0 {
		p = p.rotated(o.thumb.joints[0], w.thumb*v.thumb)
	}
	q := p
	for i, share := range v.fingers {
		if share > 0 {
			q = q.add(p.rotated(o.fingers[i].joints[0], w.turn[i]).sub(p).times(share))
		}
	}
	amp := w.q.Stretch
	q = Point{
		w.affine[0]*q.X + w.affine[1]*q.Y + amp*w.dx.at(v.at.X, v.at.Y),
		w.affine[2]*q.X + w.affine[3]*q.Y + amp*w.dy.at(v.at.X, v.at.Y),
	}
	x, zx := bend(q.X, w.q.Cup)
	y, zy := bend(q.Y, w.q.Flex)
	z := -v.relief - zx - zy
	if v.along > 0 {
		// Fingers curl towards the camera.
		z -= 0.5 * w.q.Curl * v.along * v.along
		y += w.q.Curl * w.q.Curl * v.along * v.along * v.along / 6
	}
	if w.mirrored {
		x = -x
	}
	return vec{x, y, z}
}

// bend rolls a coordinate onto a cylinder of a curvature: the new coordinate
// and the rise.
func bend(x, curvature float64) (along, rise float64) {
	a := x * curvature
	if math.Abs(a) < 1e-4 {
		return x, 0.5 * a * x
	}
	return math.Sin(a) / curvature, (1 - math.Cos(a)) / curvature
}

// today draws how deep the creases fold, how full the veins are, and how the
// blood lies in this wave, each differently over the palm.
func (s *shape) today(w *Wave, m *mesh) {
	a, q, cond := w.Anatomy, &w.Pose, &w.Condition
	rng := newRand(q.Skin, 's')
	b := a.outline.bounds
	fold, fill, flush := newLattice(rng, b, 12), newLattice(rng, b, 20), newLattice(rng, b, 26)
	// Moisture, scales and pressure lie differently each time.
	wet, dry := newLattice(rng, b, 4.5), newLattice(rng, b, 4.5)
	vary := 0.12 + 0.13*q.Stretch
	depth := math.Exp(normal(rng, 0, 0.5*vary)) * (1 + 25*max(q.Cup, 0))
	full := math.Exp(normal(rng, 0, vary)) * (1 - 0.85*cond.Cold) * a.person.veins
	for i := range m.vertices {
		if !m.used[i] {
			continue
		}
		x, y := m.vertices[i].at.X, m.vertices[i].at.Y
		s.crease[i] = float32(depth * math.Exp(vary*fold.at(x, y)))
		s.vein[i] = float32(full * math.Exp(1.4*vary*fill.at(x, y)))
		s.gleam[hal.RGB][i] = float32(1 + 0.12*vary*wet.at(x, y))
		s.gleam[hal.NIR][i] = float32(1 + 0.09*vary*(0.6*wet.at(x, y)+0.8*dry.at(x, y)))
		s.flush[i] = float32(1 + 0.5*vary*flush.at(x, y) - 0.5*cond.Cold*a.person.blood)
	}
}

// orient finds tangents and normals from neighbouring vertices.
func (s *shape) orient(m *mesh) {
	at := func(i, j int) (vec, bool) {
		if i < 0 || j < 0 || i >= m.cols || j >= m.rows || !m.used[j*m.cols+i] {
			return vec{}, false
		}
		return s.p[j*m.cols+i], true
	}
	diff := func(i, j, di, dj int) vec {
		a, okA := at(i-di, j-dj)
		b, okB := at(i+di, j+dj)
		c := s.p[j*m.cols+i]
		if !okA {
			a = c
		}
		if !okB {
			b = c
		}
		return b.sub(a)
	}
	for j := range m.rows {
		for i := range m.cols {
			k := j*m.cols + i
			if !m.used[k] {
				continue
			}
			u, v := diff(i, j, 1, 0), diff(i, j, 0, 1)
			s.tu[k], s.tv[k] = u.unit(), v.unit()
			n := u.cross(v).unit()
			if n.z > 0 {
				n = n.times(-1)
			}
			s.n[k] = n
		}
	}
}
