package palm

import "math"

// region is a rectangle of pixels, x1 and y1 excluded.
type region struct{ x0, y0, x1, y1 int }

func (r region) empty() bool { return r.x0 >= r.x1 || r.y0 >= r.y1 }

// grown is the region with a border, cut to the image.
func (r region) grown(n, w, h int) region {
	return region{max(r.x0-n, 0), max(r.y0-n, 0), min(r.x1+n, w), min(r.y1+n, h)}
}

// plane is an image of n interleaved channels.
type plane struct {
	w, h, n int
	v       []float32
}

// defocus blurs a region by a Gaussian of sigma pixels, in place.
func (p *plane) defocus(r region, sigma float64, scratch []float32) {
	k := gaussian(sigma)
	if len(k) < 2 || r.empty() {
		return
	}
	width := (r.x1 - r.x0) * p.n
	reach := len(k) - 1
	line := make([]float32, width+2*reach*p.n)
	for y := r.y0; y < r.y1; y++ {
		row := p.v[(y*p.w+r.x0)*p.n:][:width]
		copy(line[reach*p.n:], row)
		for i := range reach * p.n {
			line[i] = row[i%p.n]
			line[len(line)-1-i] = row[width-1-i%p.n]
		}
		out := scratch[(y-r.y0)*width:][:width]
		for i := range out {
			at := i + reach*p.n
			s := k[0] * line[at]
			for t := 1; t <= reach; t++ {
				s += k[t] * (line[at-t*p.n] + line[at+t*p.n])
			}
			out[i] = s
		}
	}
	last := r.y1 - r.y0 - 1
	for y := range last + 1 {
		out := p.v[((y+r.y0)*p.w+r.x0)*p.n:][:width]
		mid := scratch[y*width:][:width]
		for i := range out {
			out[i] = k[0] * mid[i]
		}
		for t := 1; t <= reach; t++ {
			up, down := scratch[max(y-t, 0)*width:][:width], scratch[min(y+t, last)*width:][:width]
			c := k[t]
			for i := range out {
				out[i] += c * (up[i] + down[i])
			}
		}
	}
}

// smear averages a region along a movement of (dx, dy) pixels, in place.
func (p *plane) smear(r region, dx, dy float64, scratch []float32) {
	length := math.Hypot(dx, dy)
	if length < 0.4 || r.empty() {
		return
	}
	copy(scratch, p.v)
	taps := int(math.Ceil(length)) + 1
	type tap struct {
		x, y int
		w    [4]float32
	}
	ts := make([]tap, taps)
	for i := range ts {
		t := float64(i)/float64(taps-1) - 0.5
		x, y := t*dx, t*dy
		ix, iy := math.Floor(x), math.Floor(y)
		ax, ay := x-ix, y-iy
		k := 1 / float64(taps)
		ts[i] = tap{int(ix), int(iy), [4]float32{
			float32(k * (1 - ax) * (1 - ay)), float32(k * ax * (1 - ay)), float32(k * (1 - ax) * ay), float32(k * ax * ay)}}
	}
	for y := r.y0; y < r.y1; y++ {
		row := p.v[y*p.w*p.n:][:p.w*p.n]
		clear(row[r.x0*p.n : r.x1*p.n])
		for _, t := range ts {
			y0, y1 := min(max(y+t.y, 0), p.h-1), min(max(y+t.y+1, 0), p.h-1)
			a, b := scratch[y0*p.w*p.n:][:p.w*p.n], scratch[y1*p.w*p.n:][:p.w*p.n]
			for x := r.x0; x < r.x1; x++ {
				x0, x1 := min(max(x+t.x, 0), p.w-1)*p.n, min(max(x+t.x+1, 0), p.w-1)*p.n
				for c := range p.n {
					row[x*p.n+c] += t.w[0]*a[x0+c] + t.w[1]*a[x1+c] + t.w[2]*b[x0+c] + t.w[3]*b[x1+c]
				}
			}
		}
	}
}
