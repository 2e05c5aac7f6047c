package proof

import (
	"encoding/binary"
	"fmt"
	"math"

	"volar/firmware/capture"
	"volar/hal"
	"volar/wire"
)

// track is where the palm was in the shots after that at 850 nm, in crop
// pixels, and how many seconds after it they were taken.
type track struct {
	later [wire.TrackCount]shift
	after [wire.TrackCount]float64
	white shift // in the shot under white
}

const (
	patch = 64                // samples a side of what is looked for
	pitch = wire.Side / patch // crop pixels from one to the next

	// reach is how far from where it was the palm is looked for: 5 samples are
	// 5 mm, and a hand at the 60 mm/s that package quality allows goes 2 mm
	// from one shot to the next.
	reach = 5

	// alike is the least correlation that is believed.
	alike = 0.3
)

// follow finds the palm again in each later near-infrared frame, by its
// creases and veins: the light may come from another side and be weaker.
func follow(b *capture.Burst, p *Palm) (*track, error) {
	skin := p.skin()
	first := look(&b.NIR850.NIR, &b.Dark.NIR, p.ToNIR, skin)
	defer clear(first)
	t := new(track)
	var was shift // a hand trembles at 8 to 12 Hz, so its last movement tells nothing about the next
	for i, s := range b.Shots()[3:] {
		now := look(&s.NIR, &b.Dark.NIR, shifted(p.ToNIR, was), skin)
		d, score := first.find(now)
		clear(now)
		if score < alike {
			return nil, fmt.Errorf("%w: under %v, likeness %.2f, needs %.1f", ErrLost, s.Light, score, alike)
		}
		was = shift{was.x + d.x, was.y + d.y}
		t.later[i], t.after[i] = was, (s.NIR.At - b.NIR850.NIR.At).Seconds()
	}
	if t.after[0] > 0 {
		k := (b.White.RGB.At - b.NIR850.NIR.At).Seconds() / t.after[0]
		t.white = shift{k * t.later[0].x, k * t.later[0].y}
	}
	return t, nil
}

// skin tells of each sample whether it shows skin.
func (p *Palm) skin() []bool {
	const cell = wire.Side / 32
	out := make([]bool, patch*patch)
	for i := range out {
		c := i/patch*pitch/cell*32 + i%patch*pitch/cell
		out[i] = p.Mask[c/8]&(1<<(c%8)) != 0
	}
	return out
}

// pattern is how much brighter than its surroundings each sample is, as a
// share of them; 0 where there is no skin.
type pattern []float32

// look samples the palm and takes off the slow changes of light.
func look(lit, dark *hal.Frame, h [9]float64, skin []bool) pattern {
	g := sampling(h)
	raw := make(pattern, patch*patch)
	for i := range raw {
		x, y := float64(i%patch*pitch), float64(i/patch*pitch)
		for k := range pitch * pitch { // every crop pixel of the sample
			if u, v, ok := g.pixel(x+float64(k%pitch), y+float64(k/pitch), lit.Width, lit.Height); ok {
				raw[i] += signal(lit, u, v) - signal(dark, u, v)
			}
		}
	}
	near, far := raw.blurred(1, skin), raw.blurred(4, skin)
	for i := range raw {
		raw[i] = 0
		if skin[i] && far[i] > 1 {
			raw[i] = near[i]/far[i] - 1
		}
	}
	clear(near)
	clear(far)
	return raw
}

// signal is the value of a pixel of the NIR camera.
func signal(f *hal.Frame, u, v int) float32 {
	if f.Format == hal.Y8 {
		return 4 * float32(f.Pix[v*f.Stride+u])
	}
	return float32(binary.LittleEndian.Uint16(f.Pix[v*f.Stride+2*u:]))
}

// blurred is the mean over squares of 2r+1 samples of skin.
func (p pattern) blurred(r int, skin []bool) pattern {
	const w = patch + 1
	sum, count := make([]float64, w*w), make([]int32, w*w)
	for y := range patch {
		var s float64
		var n int32
		for x := range patch {
			if i := y*patch + x; skin[i] {
				s += float64(p[i])
				n++
			}
			k := (y+1)*w + x + 1
			sum[k], count[k] = sum[k-w]+s, count[k-w]+n
		}
	}
	out := make(pattern, len(p))
	for y := range patch {
		y0, y1 := max(y-r, 0)*w, min(y+r+1, patch)*w
		for x := range patch {
			x0, x1 := max(x-r, 0), min(x+r+1, patch)
			if n := count[y1+x1] - count[y0+x1] - count[y1+x0] + count[y0+x0]; n > 0 {
				out[y*patch+x] = float32((sum[y1+x1] - sum[y0+x1] - sum[y1+x0] + sum[y0+x0]) / float64(n))
			}
		}
	}
	clear(sum)
	return out
}

// find is by how many crop pixels q has moved against p, and how alike they
// are there: the normalised cross-correlation, -1 where they are alike
// nowhere within reach.
func (p pattern) find(q pattern) (shift, float64) {
	const n = 2*reach + 1
	var scores [n * n]float64
	best := -1
	for i := range scores {
		scores[i] = p.ncc(q, i%n-reach, i/n-reach)
		if best < 0 || scores[i] > scores[best] {
			best = i
		}
	}
	x, y := best%n, best/n
	if x == 0 || y == 0 || x == n-1 || y == n-1 {
		return shift{}, -1
	}
	return shift{
		pitch * (float64(x-reach) + crest(scores[best-1], scores[best], scores[best+1])),
		pitch * (float64(y-reach) + crest(scores[best-n], scores[best], scores[best+n])),
	}, scores[best]
}

// ncc correlates p with q moved by (dx, dy) samples. Both have means near zero.
func (p pattern) ncc(q pattern, dx, dy int) float64 {
	var pp, qq, pq float32
	for y := max(0, -dy); y < min(patch, patch-dy); y++ {
		from, to := max(0, -dx), min(patch, patch-dx)
		a := p[y*patch+from : y*patch+to]
		b := q[(y+dy)*patch+from+dx:][:len(a)]
		for i, v := range a { // where there is no skin, both are zero
			w := b[i]
			pp += v * v
			qq += w * w
			pq += v * w
		}
	}
	if pp*qq == 0 {
		return 0
	}
	return float64(pq) / math.Sqrt(float64(pp)*float64(qq))
}

// crest is where a parabola through three equidistant values has its top,
// relative to the middle one.
func crest(a, b, c float64) float64 {
	bend := 2*b - a - c
	if bend < 1e-12 {
		return 0
	}
	return max(-0.5, min(0.5, (c-a)/(2*bend)))
}
