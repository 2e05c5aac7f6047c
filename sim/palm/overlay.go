package palm

import "math"

// overlay lays what is on the skin today over its maps: a ring, a plaster,
// smears of dirt, a sleeve. It leaves the anatomy's own maps alone.
func (t *texture) overlay(a *Anatomy, w *Wave) *texture {
	c := &w.Condition
	if !c.Ring && !c.Plaster && !c.Sleeve && c.Dirt <= 0 {
		return t
	}
	out := *t
	out.rgb, out.nir = append([]uint64(nil), t.rgb...), append([]uint64(nil), t.nir...)
	if c.Dirt > 0 {
		out.smear(a, w)
	}
	if c.Plaster {
		out.plaster(a, w)
	}
	if c.Ring {
		out.ring(a)
	}
	if c.Sleeve {
		out.sleeve(a, w)
	}
	return &out
}

// edit calls f for the texels of a box, with their places, and mixes what f
// gives over what is there: reflectances as red, green, blue and NIR, how much
// of the skin they hide, and how far the silhouette reaches beyond the skin's.
func (t *texture) edit(b box, f func(p Point) (paint [4]float64, cover, wider float64)) {
	i0, i1 := max(int((b.x0-t.x0)/texelStep), 0), min(int((b.x1-t.x0)/texelStep), t.w-1)
	j0, j1 := max(int((b.y0-t.y0)/texelStep), 0), min(int((b.y1-t.y0)/texelStep), t.h-1)
	for j := j0; j <= j1; j++ {
		for i := i0; i <= i1; i++ {
			paint, cover, wider := f(Point{t.x0 + float64(i)*texelStep, t.y0 + float64(j)*texelStep})
			if cover <= 0 {
				continue
			}
			k := j*t.w + i
			t.rgb[k] = cloak(t.rgb[k], [8]float64{paint[0], paint[1], paint[2], 0, 0.5, 0.5, 0.5}, cover, wider)
			t.nir[k] = cloak(t.nir[k], [8]float64{paint[3], 0, 0, 0.5, 0, 0.5, 0.5}, cover, wider)
		}
	}
}

// cloak mixes a texel towards another; the last byte, the distance, only moves.
func cloak(was uint64, to [8]float64, cover, wider float64) uint64 {
	var out uint64
	for k := range 7 {
		v := float64(was >> (8 * k) & 255)
		v += cover * (255*to[k] - v)
		out |= channel(float32(v)) << (8 * k)
	}
	return out | channel(float32(float64(was>>56)-distScale*wider))<<56
}

// ring is a plain band at the root of the ring finger: metal mirrors what is
// below it, mostly darkness, and glints.
func (t *texture) ring(a *Anatomy) {
	d := &a.outline.fingers[ring]
	from := d.joints[0].add(d.dir.times((fingerPlans[ring].root + 10) * a.person.scale))
	r := 16.0
	t.edit(box{from.X - r, from.Y - r, from.X + r, from.Y + r}, func(p Point) ([4]float64, float64, float64) {
		along, off := p.sub(from).dot(d.dir), p.sub(from).dot(d.dir.turn())
		if math.Abs(off) > d.radius[1]+1.5 {
			return [4]float64{}, 0, 0
		}
		glint := 0.25 + 0.6*math.Exp(-math.Pow((along-0.4)/0.5, 2))
		return [4]float64{0.9 * glint, 0.75 * glint, 0.45 * glint, 0.8 * glint}, smoothstep(2.1, 1.7, math.Abs(along)), 0.5
	})
}

// plaster is a strip of 19 by 60 mm with a pad, somewhere on the palm.
func (t *texture) plaster(a *Anatomy, w *Wave) {
	rng := newRand(w.Seed, 'p')
	s := a.person.scale
	at := Point{normal(rng, 5, 14) * s, normal(rng, 12, 16) * s}
	dir := Point{1, 0}.rotated(Point{}, uniform(rng, 0, math.Pi))
	const reach = 34
	t.edit(box{at.X - reach, at.Y - reach, at.X + reach, at.Y + reach}, func(p Point) ([4]float64, float64, float64) {
		u, v := p.sub(at).dot(dir), p.sub(at).dot(dir.turn())
		// A rounded rectangle.
		qx, qy := max(math.Abs(u)-24, 0), max(math.Abs(v)-3.5, 0)
		edge := math.Hypot(qx, qy) - 6
		weave := 1 + 0.05*math.Sin(6*u)*math.Sin(6*v)
		if math.Abs(u) < 10 && math.Abs(v) < 7.5 {
			weave *= 1.06
		}
		return [4]float64{0.68 * weave, 0.47 * weave, 0.34 * weave, 0.72 * weave}, smoothstep(0.3, -0.3, edge), 0
	})
}

// smear is soil or ink: dark patches of a few millimetres, some of them
// drawn out.
func (t *texture) smear(a *Anatomy, w *Wave) {
	rng := newRand(w.Seed, 'd')
	b := a.outline.bounds
	patch, detail := newLattice(rng, b, 9), newLattice(rng, b, 1.6)
	amount := 0.75 * min(w.Condition.Dirt, 1)
	limit := 1.9 - 1.3*min(w.Condition.Dirt, 1)
	t.edit(b, func(p Point) ([4]float64, float64, float64) {
		v := patch.at(p.X, p.Y) + 0.45*detail.at(p.X, p.Y)
		return [4]float64{0.16, 0.13, 0.1, 0.22}, amount * smoothstep(limit, limit+1.2, v), 0
	})
}

// sleeve is a cuff of dark cloth over the wrist. Dyed cloth is often bright
// in the near infrared.
func (t *texture) sleeve(a *Anatomy, w *Wave) {
	rng := newRand(w.Seed, 'k')
	from := uniform(rng, 80, 92) * a.person.scale
	tone, infrared := uniform(rng, 0.03, 0.25), uniform(rng, 0.15, 0.6)
	hem := newWave(rng, 20)
	b := a.outline.bounds
	t.edit(box{b.x0, from - 4, b.x1, b.y1}, func(p Point) ([4]float64, float64, float64) {
		y := p.Y - from - 0.8*hem.at(p.X+100)
		fold := 1 + 0.12*math.Sin(p.X*2.2)*math.Sin(p.Y*2.2)
		return [4]float64{tone * fold, tone * fold, 1.15 * tone * fold, infrared * fold}, smoothstep(-0.2, 0.2, y), 1.5
	})
}
