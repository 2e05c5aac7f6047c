package quality

import "math"

// blurs is a palm at three scales: smoothed with a sigma of about 1, 2 and 4
// pixels of the crop.
type blurs [3][]float32

// blur takes over p.
func blur(p []float32) blurs {
	var b blurs
	scratch := make([]float32, len(p))
	done := 0
	for i, times := range []int{1, 4, 16} { // each time adds 1 to the square of sigma
		for ; done < times; done++ {
			smooth(p, scratch)
		}
		b[i] = append([]float32(nil), p...)
	}
	clear(scratch)
	clear(p)
	return b
}

func (b *blurs) wipe() {
	for _, p := range b {
		clear(p)
	}
}

// focus is the energy of the fine detail (between sigma 1 and 2) as a share
// of all detail (between sigma 1 and 4), 0 to 1: a ratio, so neither light
// nor contrast of the skin counts, and in the crop's own scale, so neither
// does distance. Below sigma 1 there is more noise than palm.
func focus(b *blurs, mask []byte) float64 {
	var fine, all float64
	for y := range side {
		for x := range side {
			if !masked(mask, x, y) {
				continue
			}
			i := y*side + x
			f, a := float64(b[0][i]-b[1][i]), float64(b[0][i]-b[2][i])
			fine += f * f
			all += a * a
		}
	}
	return fine / all
}

// reach is the largest shift that is looked for, in pixels of the crop.
const reach = 10

// shift is by how much the detail of q lies beside that of p, in pixels of
// the crop: the best normalised correlation over whole shifts, refined with a
// parabola. It is infinite where the best is on the edge of the search, and
// not a number where there is nothing to compare.
func shift(p, q *blurs, mask []byte) float64 {
	var score [2*reach + 1][2*reach + 1]float64
	best, bx, by := math.Inf(-1), 0, 0
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			c := correlate(p, q, mask, dx, dy)
			score[dy+reach][dx+reach] = c
			if c > best {
				best, bx, by = c, dx, dy
			}
		}
	}
	switch {
	case math.IsInf(best, -1):
		return math.NaN()
	case max(bx, -bx) == reach || max(by, -by) == reach:
		return math.Inf(1)
	}
	y, x := by+reach, bx+reach
	return math.Hypot(
		float64(bx)+peak(score[y][x-1], score[y][x], score[y][x+1]),
		float64(by)+peak(score[y-1][x], score[y][x], score[y+1][x]))
}

// correlate is the normalised correlation of p at (x, y) with q at
// (x+dx, y+dy), over every other pixel.
func correlate(p, q *blurs, mask []byte, dx, dy int) float64 {
	var pq, pp, qq float32
	for y := max(0, -dy); y < min(side, side-dy); y += 2 {
		for x := max(0, -dx); x < min(side, side-dx); x += 2 {
			if !masked(mask, x, y) {
				continue
			}
			i, j := y*side+x, (y+dy)*side+x+dx
			a, b := p[0][i]-p[2][i], q[0][j]-q[2][j]
			pq += a * b
			pp += a * a
			qq += b * b
		}
	}
	return float64(pq) / math.Sqrt(float64(pp)*float64(qq))
}

// peak is where a parabola through three scores has its top, -0.5 to 0.5.
func peak(l, m, r float64) float64 {
	if d := l - 2*m + r; d < 0 {
		return max(-0.5, min(0.5, 0.5*(l-r)/d))
	}
	return 0
}
