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

const (
	flatFloor = 6  // brightness, of 255
	flatReach = 16 // crop pixels
)

// view samples m into a flattened patch like p.
func view(p *patch, m *gocv.Mat, h [9]float64) *patch {
	q := p.like()
	q.sample(m, h)
	q.flatten(int(flatReach/p.step), flatFloor)
	return q
}

// toRGB takes crop pixels to the RGB picture, for a palm on plane p.
func (r *registration) toRGB(p plane) [9]float64 {
	return shifted(multiply(r.across(p), r.palm.ToImage), r.drift)
}

// search finds the distance: one dimension, along the epipolar line.
func (r *registration) search() error {
	grid := newPatch(40, 64, 24, 4)
	want := view(grid, r.nir, r.palm.ToImage)
	defer want.wipe()
	apart := r.palm.Valleys[2].sub(r.palm.Valleys[0]).norm() / math.Sqrt(r.cal.NIR.Fx*r.cal.NIR.Fy)
	far, near := apart/spanMost, apart/spanLeast
	pace := r.slide(r.palm.Centre, (near+far)/2).norm()
	steps := int(min(max((near-far)*pace/(2*r.palm.Side/wire.Side), 1), 150))
	best, at, aside := -1.0, far, Point{}
	for i := range steps + 1 {
		v := far + (near-far)*float64(i)/float64(steps)
		got := view(grid, r.rgb, r.toRGB(plane{0, 0, v}))
		for d := range 9 {
			x, y := d%3-1, d/3-1
			if s := want.ncc(got, want.whole(), x, y); s > best {
				best, at, aside = s, v, Point{float64(x), float64(y)}.times(grid.step)
			}
		}
		got.wipe()
	}
	if best < 0 {
		return fmt.Errorf("%w: it is outside the colour picture", ErrCutOff)
	}
	r.plane = plane{0, 0, at}
	r.split(aside)
	return nil
}

// settle refines distance and drift together on a finer grid: a small search
// in two dimensions.
func (r *registration) settle() {
	grid := newPatch(32, 48, 16, 2)
	want := view(grid, r.nir, r.palm.ToImage)
	defer want.wipe()
	for _, reach := range []int{4, 2} {
		got := view(grid, r.rgb, r.toRGB(r.plane))
		m := want.find(got, want.whole(), reach)
		got.wipe()
		if m.score > 0 {
			r.split(m.shift)
		}
	}
}

// split puts the part of a shift (crop pixels) that lies along the epipolar
// line down to distance, and the rest to the drift of the hand.
func (r *registration) split(shift Point) {
	deeper, rest := r.part(r.toRGB(r.plane), r.palm.Centre, Point{wire.Side / 2, wire.Side / 2}, r.plane.C, shift)
	r.plane.C = max(r.plane.C+deeper, 1e-4)
	r.drift = r.drift.add(rest)
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

// sound measures the inverse depth of each block. nir and rgb take crop pixels
// to the two pictures for the present plane.
func (r *registration) sound(nir, rgb [9]float64, step float64, reach int) []sounding {
	grid := newPatch(8, 8, 8, step)
	want, got := view(grid, r.nir, nir), view(grid, r.rgb, rgb)
	defer want.wipe()
	defer got.wipe()
	const pitch = wire.Side / Blocks
	ss := make([]sounding, Blocks*Blocks)
	for i := range ss {
		c := Point{(float64(i%Blocks) + 0.5) * pitch, (float64(i/Blocks) + 0.5) * pitch}
		half := 0.7 * pitch
		b := region{
			max(int((c.X-half-grid.x0)/step), 0), max(int((c.Y-half-grid.y0)/step), 0),
			min(int((c.X+half-grid.x0)/step), grid.w), min(int((c.Y+half-grid.y0)/step), grid.h),
		}
		m := want.find(got, b, reach)
		p := apply(nir, c)
		s := sounding{at: r.normal(p)}
		if m.score > 0.25 && !m.edge {
			v := r.plane.inverseDepth(s.at)
			deeper, rest := r.part(rgb, p, c, v, m.shift)
			s.inverse, s.side, s.weight = v+deeper, rest, m.score*m.sharp
		}
		ss[i] = s
	}
	even(ss)
	return ss
}

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
	}{{2, 6}, {2, 3}, {1, 4}} {
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
