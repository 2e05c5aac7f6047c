package palm

import "math"

// grid is a map over a box of the canonical frame, row by row.
type grid struct {
	x0, y0, step float64 // of the first sample; millimetres
	w, h         int
	v            []float32
}

func newGrid(b box, step float64) *grid {
	g := &grid{x0: b.x0, y0: b.y0, step: step}
	g.w = int(math.Round((b.x1-b.x0)/step)) + 1
	g.h = int(math.Round((b.y1-b.y0)/step)) + 1
	g.v = make([]float32, g.w*g.h)
	return g
}

// fill sets every sample from its position in millimetres.
func (g *grid) fill(f func(x, y float64) float64) {
	for j := range g.h {
		y := g.y0 + float64(j)*g.step
		row := g.v[j*g.w:][:g.w]
		for i := range row {
			row[i] = float32(f(g.x0+float64(i)*g.step, y))
		}
	}
}

// at interpolates linearly; outside it is the border's value.
func (g *grid) at(x, y float64) float64 {
	fx := clamp((x-g.x0)/g.step, 0, float64(g.w-1)-1e-6)
	fy := clamp((y-g.y0)/g.step, 0, float64(g.h-1)-1e-6)
	i, j := int(fx), int(fy)
	ax, ay := float32(fx-float64(i)), float32(fy-float64(j))
	p := g.v[j*g.w+i:]
	q := g.v[(j+1)*g.w+i:]
	top := p[0] + ax*(p[1]-p[0])
	low := q[0] + ax*(q[1]-q[0])
	return float64(top + ay*(low-top))
}

// blurred is a copy smoothed by a Gaussian of the given deviation in millimetres.
func (g *grid) blurred(sigma float64) *grid {
	k := gaussian(sigma / g.step)
	out := *g
	out.v = make([]float32, len(g.v))
	tmp := make([]float32, len(g.v))
	convolveRows(tmp, g.v, g.w, g.h, k)
	convolveColumns(out.v, tmp, g.w, g.h, k)
	return &out
}

// gaussian is half of a normalised kernel: the middle tap, then one side.
func gaussian(sigma float64) []float32 {
	r := int(math.Ceil(2.6 * sigma))
	k := make([]float32, r+1)
	if r == 0 {
		k[0] = 1
		return k
	}
	sum := 0.0
	f := make([]float64, r+1)
	for i := range f {
		f[i] = math.Exp(-float64(i*i) / (2 * sigma * sigma))
		sum += f[i]
		if i > 0 {
			sum += f[i]
		}
	}
	for i := range k {
		k[i] = float32(f[i] / sum)
	}
	return k
}

// Products of float32 are converted before they are added, here and in the
// texture, because the language then forbids fusing the two: what becomes a
// texel must not depend on the architecture.

// convolveRows filters each row by a symmetric kernel given as gaussian
// gives it; beyond the border the border's value goes on.
func convolveRows(dst, src []float32, w, h int, k []float32) {
	r := len(k) - 1
	line := make([]float32, w+2*r)
	for j := range h {
		row := src[j*w:][:w]
		copy(line[r:], row)
		for i := range r {
			line[i] = row[0]
			line[r+w+i] = row[w-1]
		}
		out := dst[j*w:][:w]
		for i := range out {
			s := float32(k[0] * line[i+r])
			for t := 1; t <= r; t++ {
				s += float32(k[t] * (line[i+r-t] + line[i+r+t]))
			}
			out[i] = s
		}
	}
}

// convolveColumns does the same along columns.
func convolveColumns(dst, src []float32, w, h int, k []float32) {
	r := len(k) - 1
	for j := range h {
		out := dst[j*w:][:w]
		mid := src[j*w:][:w]
		for i := range out {
			out[i] = k[0] * mid[i]
		}
		for t := 1; t <= r; t++ {
			up := src[max(j-t, 0)*w:][:w]
			down := src[min(j+t, h-1)*w:][:w]
			c := k[t]
			for i := range out {
				out[i] += float32(c * (up[i] + down[i]))
			}
		}
	}
}
