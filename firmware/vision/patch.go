package vision

import (
	"math"

	"gocv.io/x/gocv"

	"volar/wire"
)

// patch is a part of the palm frame, sampled every step crop pixels from
// (x0, y0) on. ok is false where the picture that it came from had ended.
type patch struct {
	w, h         int
	x0, y0, step float64
	pix          []float32
	ok           []bool
}

// newPatch covers the crop and margins of it, in crop pixels: left and right
// wide ones, at the top the roots of the fingers, whose outline helps.
func newPatch(side, top, bottom, step float64) *patch {
	p := &patch{
		w:  int((wire.Side + 2*side) / step),
		h:  int((wire.Side + top + bottom) / step),
		x0: -side, y0: -top, step: step,
	}
	p.pix = make([]float32, p.w*p.h)
	p.ok = make([]bool, p.w*p.h)
	return p
}

// wipe overwrites the samples.
func (p *patch) wipe() { clear(p.pix) }

// like is an empty patch of the same place.
func (p *patch) like() *patch {
	q := *p
	q.pix = make([]float32, len(p.pix))
	q.ok = make([]bool, len(p.ok))
	return &q
}

// sample fills p with what an 8-bit picture of one channel shows where h
// takes the crop to.
func (p *patch) sample(m *gocv.Mat, h [9]float64) {
	w, rows := m.Cols(), m.Rows()
	pix := bytesOf(m)
	for y := range p.h {
		for x := range p.w {
			i := y*p.w + x
			q := apply(h, Point{p.x0 + float64(x)*p.step, p.y0 + float64(y)*p.step})
			p.pix[i], p.ok[i] = 0, false
			if !(q.X >= 0 && q.Y >= 0 && q.X < float64(w-1) && q.Y < float64(rows-1)) {
				continue
			}
			x0, y0 := int(q.X), int(q.Y)
			fx, fy := float32(q.X-float64(x0)), float32(q.Y-float64(y0))
			r := pix[y0*w+x0:]
			s := r[w:]
			p.pix[i] = (float32(r[0])*(1-fx)+float32(r[1])*fx)*(1-fy) + (float32(s[0])*(1-fx)+float32(s[1])*fx)*fy
			p.ok[i] = true
		}
	}
}

// flatten subtracts from each sample the mean of those at most r samples away,
// and divides by their spread: what is left are lines and edges, whatever the
// light. floor, a brightness, keeps noise from being blown up.
func (p *patch) flatten(r int, floor float64) {
	w := p.w + 1
	sum := make([][3]float64, w*(p.h+1)) // count, sum, sum of squares of all above and to the left
	defer clear(sum)
	for y := range p.h {
		var row [3]float64
		for x := range p.w {
			if i := y*p.w + x; p.ok[i] {
				v := float64(p.pix[i])
				row[0]++
				row[1] += v
				row[2] += v * v
			}
			for k := range 3 {
				sum[(y+1)*w+x+1][k] = sum[y*w+x+1][k] + row[k]
			}
		}
	}
	for y := range p.h {
		y0, y1 := max(y-r, 0), min(y+r+1, p.h)
		for x := range p.w {
			i := y*p.w + x
			if !p.ok[i] {
				continue
			}
			x0, x1 := max(x-r, 0), min(x+r+1, p.w)
			var s [3]float64
			for k := range 3 {
				s[k] = sum[y1*w+x1][k] - sum[y0*w+x1][k] - sum[y1*w+x0][k] + sum[y0*w+x0][k]
			}
			mean := s[1] / s[0]
			spread := math.Sqrt(max(s[2]/s[0]-mean*mean, 0)) + floor
			p.pix[i] = float32((float64(p.pix[i]) - mean) / spread)
		}
	}
}

// region is a rectangle of samples, x1 and y1 excluded.
type region struct{ x0, y0, x1, y1 int }

func (p *patch) whole() region { return region{0, 0, p.w, p.h} }

// ncc is the normalised cross-correlation (-1 to 1) of p within r and of q
// moved by (dx, dy) samples, over the samples that both have. It is -1 where
// those are fewer than half of r, and 0 where either is flat.
func (p *patch) ncc(q *patch, r region, dx, dy int) float64 {
	var n, sp, sq, spp, sqq, spq float64
	for y := r.y0; y < r.y1; y++ {
		yq := y + dy
		if yq < 0 || yq >= q.h {
			continue
		}
		from, to := max(r.x0, -dx), min(r.x1, q.w-dx)
		if from >= to {
			continue
		}
		a, okA := p.pix[y*p.w+from:y*p.w+to], p.ok[y*p.w+from:y*p.w+to]
		b, okB := q.pix[yq*q.w+from+dx:][:len(a)], q.ok[yq*q.w+from+dx:][:len(a)]
		for i, v := range a {
			if !okA[i] || !okB[i] {
				continue
			}
			f, g := float64(v), float64(b[i])
			n++
			sp += f
			sq += g
			spp += f * f
			sqq += g * g
			spq += f * g
		}
	}
	if 2*n < float64((r.x1-r.x0)*(r.y1-r.y0)) {
		return -1
	}
	v := (spp - sp*sp/n) * (sqq - sq*sq/n)
	if v < 1e-9*n*n {
		return 0
	}
	return (spq - sp*sq/n) / math.Sqrt(v)
}

// match is where q looks most like p, in crop pixels.
type match struct {
	shift Point
	score float64 // NCC
	sharp float64 // how much the score falls one sample away, in its worst direction
	edge  bool    // the best place is at the rim of the search: no true maximum
}

// find searches q, a patch of the same place, for p's region r, up to reach
// samples away, and then between samples. Where along is not zero it looks
// only along that direction, and at most wide samples beside it.
func (p *patch) find(q *patch, r region, reach int, along Point, wide float64) match {
	best, at := -2.0, [2]int{}
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			if math.Abs(along.cross(Point{float64(dx), float64(dy)})) > wide {
				continue
			}
			if s := p.ncc(q, r, dx, dy); s > best {
				best, at = s, [2]int{dx, dy}
			}
		}
	}
	near := func(dx, dy int) float64 { return p.ncc(q, r, at[0]+dx, at[1]+dy) }
	x, fallX := crest(near(-1, 0), best, near(1, 0))
	y, fallY := crest(near(0, -1), best, near(0, 1))
	return match{
		shift: Point{float64(at[0]) + x, float64(at[1]) + y}.times(p.step),
		score: best,
		sharp: min(fallX, fallY),
		edge:  max(at[0], -at[0], at[1], -at[1]) == reach,
	}
}

// crest is where a parabola through three equidistant values has its top,
// relative to the middle one, and how far the values fall off.
func crest(a, b, c float64) (at, fall float64) {
	bend := 2*b - a - c
	if bend < 1e-12 {
		return 0, 0
	}
	return clamp((c-a)/(2*bend), 0.5), bend / 2
}
