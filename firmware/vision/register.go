package vision

import (
	"fmt"
	"math"

	"gocv.io/x/gocv"

	"volar/wire"
)

// A palm is somewhere between a child's and a large man's: the outer valleys
// are this far apart, in mm. It bounds the search over depth.
const (
	spanLeast = 28
	spanMost  = 75
)

// registration is the search for the palm of one picture in another.
type registration struct {
	stereo
	palm     *Palm
	nir, rgb *gocv.Mat // 8 bits, one channel, smoothed
	drift    Point     // crop pixels by which the hand has moved between the two
	plane    plane
}

func shifted(h [9]float64, d Point) [9]float64 {
	return multiply(h, [9]float64{1, 0, d.X, 0, 1, d.Y, 0, 0, 1})
}

// What view leaves of a picture. Creases are as wide as a few crop pixels and
// dark in both bands; veins and blotches are wider and differ, so the reach
// is short.
const (
	flatFloor = 2 // brightness, of 255
	flatReach = 5 // crop pixels
)

// view samples m into a flattened patch like p.
func view(p *patch, m *gocv.Mat, h [9]float64) *patch {
	q := p.like()
	q.sample(m, h)
	q.flatten(int(flatReach/p.step+0.5), flatFloor)
	return q
}

// toRGB takes crop pixels to the RGB picture, for a palm on plane p.
func (r *registration) toRGB(p plane) [9]float64 {
	return shifted(multiply(r.across(p), r.palm.ToImage), r.drift)
}

// part divides a shift at crop position c, which h takes to the RGB picture
// and which the NIR camera sees at p, into a change of inverse depth and a
// rest in crop pixels.
func (r *registration) part(h [9]float64, p, c Point, inverse float64, shift Point) (deeper float64, rest Point) {
	e := r.slide(p, inverse)
	from := apply(h, c)
	moved := apply(h, c.add(shift)).sub(from)
	deeper = moved.dot(e) / e.dot(e)
	if !(math.Abs(deeper) < 1) {
		return 0, shift // no baseline to speak of
	}
	back, ok := invert(h)
	if !ok {
		return deeper, Point{}
	}
	return deeper, apply(back, from.add(moved.sub(e.times(deeper)))).sub(c)
}

// block is the region of patch p around the middle c of block i, wider than
// the block by half of its neighbours' share.
func block(p *patch, i int) (c Point, r region) {
	const pitch, half = wire.Side / Blocks, 0.7 * wire.Side / Blocks
	c = Point{(float64(i%Blocks) + 0.5) * pitch, (float64(i/Blocks) + 0.5) * pitch}
	return c, region{
		max(int((c.X-half-p.x0)/p.step), 0), max(int((c.Y-half-p.y0)/p.step), 0),
		min(int((c.X+half-p.x0)/p.step), p.w), min(int((c.Y+half-p.y0)/p.step), p.h),
	}
}

// heading is the direction of the epipolar line at crop position c, which the
// NIR camera sees at p, in the crop that h takes to the RGB picture, and how
// many crop pixels a unit of inverse depth is there.
func (r *registration) heading(h [9]float64, p, c Point, inverse float64) (Point, float64) {
	back, ok := invert(h)
	if !ok {
		return Point{}, 0
	}
	const d = 1e-4
	e := r.slide(p, inverse).times(d)
	moved := apply(back, apply(h, c).add(e)).sub(c).times(1 / d)
	return moved.unit(), moved.norm()
}

// sound measures the inverse depth of each block. nir and rgb take crop pixels
// to the two pictures for the present plane.
func (r *registration) sound(nir, rgb [9]float64, step float64, reach int) []sounding {
	grid := newPatch(8, 8, 8, step)
	want, got := view(grid, r.nir, nir), view(grid, r.rgb, rgb)
	defer want.wipe()
	defer got.wipe()
	ss := make([]sounding, Blocks*Blocks)
	for i := range ss {
		c, b := block(grid, i)
		p := apply(nir, c)
		s := sounding{at: r.normal(p)}
		v := r.plane.inverseDepth(s.at)
		along, _ := r.heading(rgb, p, c, v)
		m := want.find(got, b, reach, along, 1.5)
		if m.score > minBlock && !m.edge {
			deeper, rest := r.part(rgb, p, c, v, m.shift)
			s.inverse, s.side, s.weight = v+deeper, rest, m.score*m.sharp
		}
		ss[i] = s
	}
	even(ss)
	return ss
}

// minBlock is the least likeness of a block that is believed.
const minBlock = 0.2

// even scales the weights to a median of 1, and none above 3.
func even(ss []sounding) {
	var w []float64
	for _, s := range ss {
		if s.weight > 0 {
			w = append(w, s.weight)
		}
	}
	m := median(w)
	for i := range ss {
		if m > 0 {
			ss[i].weight = min(ss[i].weight/m, 3)
		}
	}
}

// shape fits the palm's plane, first roughly and then finely, and tells what
// the blocks measured last.
func (r *registration) shape() ([]sounding, error) {
	var ss []sounding
	for _, pass := range []struct {
		step  float64
		reach int
	}{{2, 4}, {1, 5}, {1, 4}} {
		nir, rgb, _, ok := r.lay(r.palm.Valleys, r.palm.ToImage, r.plane)
		if !ok {
			return nil, fmt.Errorf("%w: its plane is no palm's", ErrNotRegistered)
		}
		ss = r.sound(nir, shifted(rgb, r.drift), pass.step, pass.reach)
		noise := 0.5 * r.palm.Side / wire.Side / r.slide(r.palm.Centre, r.plane.C).norm()
		p, ok := fit(ss, noise)
		if !ok || !(p.tilt() < 60) {
			return ss, nil
		}
		r.plane = p
		var side, n Point
		for _, s := range ss {
			side = side.add(s.side.times(s.weight))
			n.X += s.weight
		}
		r.drift = r.drift.add(side.times(1 / n.X))
	}
	return ss, nil
}
