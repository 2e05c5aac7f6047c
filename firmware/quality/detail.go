package quality

import "math"

// faint is the least deviation of a crop's detail, as a share of its mean
// level: a third of the least that synthetic palms have. Below it there is
// noise alone, which is never out of focus.
const faint = 0.005

// focus is the energy of the fine detail of a channel (between sigma 1 and 2
// pixels of the crop) as a share of all detail (between sigma 1 and 4), 0 to
// 1: a ratio, so neither light nor contrast of the skin counts, and in the
// crop's own scale, so neither does distance. Below sigma 1 there is more
// noise than palm. A crop without detail has no focus: 0.
func focus(pix []byte, channels, channel int, mask []byte) float64 {
	fine := make([]float32, side*side)
	for i := range fine {
		fine[i] = float32(pix[i*channels+channel])
	}
	scratch := make([]float32, len(fine))
	blur := func(p []float32, times int) []float32 { // each time adds 1 to the square of sigma
		p = append([]float32(nil), p...)
		for range times {
			smooth(p, scratch)
		}
		return p
	}
	smooth(fine, scratch)
	middle := blur(fine, 3)
	coarse := blur(middle, 12)
	var n, sum, some, all float64
	for y := range side {
		for x := range side {
			if i := y*side + x; masked(mask, x, y) {
				f, a := float64(fine[i]-middle[i]), float64(fine[i]-coarse[i])
				n++
				sum += float64(coarse[i])
				some += f * f
				all += a * a
			}
		}
	}
	for _, p := range [][]float32{fine, middle, coarse, scratch} {
		clear(p)
	}
	if math.Sqrt(all/n) < faint*sum/n {
		return 0
	}
	return some / all
}

// smooth convolves p with the binomial 1 4 6 4 1, both ways, in place,
// clamping at the edges. scratch is as long as p.
func smooth(p, scratch []float32) {
	at := func(i int) int { return min(max(i, 0), side-1) }
	for y := range side {
		r := p[y*side:][:side]
		for x := range side {
			scratch[y*side+x] = (r[at(x-2)] + r[at(x+2)] + 4*(r[at(x-1)]+r[at(x+1)]) + 6*r[x]) / 16
		}
	}
	for y := range side {
		a, b, d, e := scratch[at(y-2)*side:], scratch[at(y-1)*side:], scratch[at(y+1)*side:], scratch[at(y+2)*side:]
		c := scratch[y*side:]
		for x := range side {
			p[y*side+x] = (a[x] + e[x] + 4*(b[x]+d[x]) + 6*c[x]) / 16
		}
	}
}
