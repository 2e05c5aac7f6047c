package palm

import "math"

// corner is a vertex as one camera sees it under one light: its pixel and
// what is interpolated from there.
type corner struct {
	x, y   float64 // pixel
	ok     bool    // before the camera
	u, v   float64 // texel
	e, s   float32 // diffuse and mirrored light, share of full scale
	crease float32
	vein   float32
	flush  float32
	// change of e and s as the normal leans along the skin
	eu, ev, su, sv float32
}

// beam is the light that falls on a point: the sum over lamps of
// irradiance times direction, so that a leaning normal needs no new sum.
type beam struct {
	dir    vec     // irradiance times unit vector to the lamp
	mirror float64 // light mirrored into the camera
	mu, mv float64 // its change as the normal leans
}

// gloss describes the lobes of what a surface mirrors: the rough surface of
// skin, a film of moisture, and the polish that skin never has.
type gloss struct{ rough, film, polish float64 }

// illuminate sums the lamps at a point p with normal n, seen from eye.
func illuminate(sets []lampSet, p, n, tu, tv, eye vec, g gloss) beam {
	var b beam
	view := eye.sub(p).unit()
	for _, set := range sets {
		for i := range set.lamps {
			lamp := &set.lamps[i]
			to := vec{lamp.X - p.x, lamp.Y - p.y, -p.z}
			r2 := to.dot(to)
			r := math.Sqrt(r2)
			to = to.times(1 / r)
			// The lamp looks along z: the angle to its axis is that of -to.
			down := max(-to.z, 0)
			power := set.share * lamp.Power * math.Pow(down, lamp.Lobe) / r2
			b.dir = b.dir.add(to.times(power))
			if g == (gloss{}) {
				continue
			}
			half := to.add(view).unit()
			nh := max(n.dot(half), 0)
			facing := max(n.dot(to), 0)
			p2 := nh * nh
			p4 := p2 * p2
			p8 := p4 * p4
			p14 := p8 * p4 * p2
			p32 := p8 * p8 * p8 * p8
			p46 := p32 * p14
			// Blinn's lobes with exponents 15 and 47, normalised by (k+8)/8.
			rough := power * facing * g.rough * 2.9
			film := power * facing * g.film * 6.9
			b.mirror += rough*p14*nh + film*p46*nh
			slope := 15*rough*p14 + 47*film*p46
			if g.polish > 0 {
				p94 := p46 * p46 * p2
				polish := power * facing * g.polish * 24.8 // exponent 190
				b.mirror += polish * p94 * p94 * p2
				slope += 190 * polish * p94 * p94 * nh
			}
			b.mu += slope * half.dot(tu)
			b.mv += slope * half.dot(tv)
		}
	}
	return b
}

// surface is how a material answers to light.
type surface struct {
	gloss gloss
	glow  float64 // light of a display's white, share of full scale a millisecond; it mirrors, but does not scatter
	beat  float64 // phase of a display's pixels a texel
	wrap  float64 // share of light that scattering carries round edges
}

// corners places the shape before a camera and lights it. exposure is in
// milliseconds; ambient is the light of the room on the palm, share of full
// scale per millisecond.
func (s *shape) corners(dst []corner, m *mesh, cam *camera, place *placement, sets []lampSet, f surface, exposure, ambient float64) {
	gleam := s.gleam[cam.band]
	eye := cam.centre()
	for i := range m.vertices {
		if !m.used[i] {
			continue
		}
		p := place.point(s.p[i])
		c := &dst[i]
		px, ok := cam.project(p)
		*c = corner{x: px.X, y: px.Y, ok: ok, u: m.vertices[i].tex.X, v: m.vertices[i].tex.Y,
			crease: s.crease[i], vein: s.vein[i], flush: s.flush[i]}
		if !ok {
			continue
		}
		n, tu, tv := place.r.apply(s.n[i]), place.r.apply(s.tu[i]), place.r.apply(s.tv[i])
		b := illuminate(sets, p, n, tu, tv, eye, f.gloss)
		e := max(n.dot(b.dir), 0)*(1-f.wrap) + f.wrap*b.dir.norm()
		c.e = float32(exposure*(e+ambient)) * gleam[i]
		c.s = float32(exposure * b.mirror)
		c.eu, c.ev = float32(exposure*tu.dot(b.dir)), float32(exposure*tv.dot(b.dir))
		c.su, c.sv = float32(exposure*b.mu), float32(exposure*b.mv)
		if f.glow > 0 {
			c.e, c.eu, c.ev = float32(exposure*f.glow), 0, 0
		}
	}
}

// emission is the light of a Screen's white, share of full scale per millisecond.
const emission = 0.3

// placement puts a hand in space: p to R p + c.
type placement struct {
	r mat
	c vec
}

func newPlacement(p *Pose) *placement {
	return &placement{
		r: rotation(p.TiltX*radian, p.TiltY*radian, p.Rotation*radian),
		c: vec{p.X, p.Y, p.Distance},
	}
}

func (l *placement) point(p vec) vec { return l.r.apply(p).add(l.c) }
