package liveness

import (
	"math"

	"volar/wire"
)

const (
	side = wire.Side
	cell = side / 32 // pixels of a mask's cell
)

// detail is one band of a crop with the slow changes of light taken off: each
// pixel is by how much it is brighter than its surroundings, as a share of them.
type detail []float32

// detailOf takes a channel of a crop between two smoothings, of sigma 1.2 and
// 5.6 pixels of the crop: 0.5 to 2.4 mm on a palm, where its creases and the
// edges of its veins are.
func detailOf(pix []byte, channels, channel int) detail {
	d := make(detail, side*side)
	for i := range d {
		d[i] = float32(pix[i*channels+channel])
	}
	wide, scratch := make([]float32, len(d)), make([]float32, len(d))
	average(d, scratch, 1)
	average(d, scratch, 1)
	copy(wide, d)
	for range 3 {
		average(wide, scratch, 5)
	}
	for i := range d {
		d[i] = (d[i] - wide[i]) / max(wide[i], 1)
	}
	clear(wide)
	clear(scratch)
	return d
}

// average replaces p by its means over squares of 2r+1 pixels, clamping at the edges.
func average(p, scratch []float32, r int) {
	at := func(i int) int { return min(max(i, 0), side-1) }
	line := func(dst, src []float32, step int) {
		var sum float32
		for i := -r; i <= r; i++ {
			sum += src[at(i)*step]
		}
		for i := range side {
			dst[i*step] = sum / float32(2*r+1)
			sum += src[at(i+r+1)*step] - src[at(i-r)*step]
		}
	}
	for y := range side {
		line(scratch[y*side:], p[y*side:], 1)
	}
	for x := range side {
		line(p[x:], scratch[x:], side)
	}
}

// inner lists the pixels whose cell, and every cell round it, is set in both
// masks: detail near an edge is the edge's.
func inner(a, b []byte) []int {
	set := func(x, y int) bool {
		if x < 0 || y < 0 || x >= 32 || y >= 32 {
			return true // the palm goes on past the crop
		}
		i := 32*y + x
		return a[i/8]&b[i/8]&(1<<(i%8)) != 0
	}
	var ok [32 * 32]bool
	for y := range 32 {
		for x := range 32 {
			all := true
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					all = all && set(x+dx, y+dy)
				}
			}
			ok[32*y+x] = all
		}
	}
	var in []int
	for i := range side * side {
		if ok[i/side/cell*32+i%side/cell] {
			in = append(in, i)
		}
	}
	return in
}

// cross is the mean product of two details over pixels.
func cross(a, b detail, in []int) float64 {
	sum := 0.0
	for _, i := range in {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum / float64(len(in))
}

// likeness is the normalised correlation of two details, -1 to 1.
func likeness(a, b detail, in []int) float64 {
	return cross(a, b, in) / math.Sqrt(cross(a, a, in)*cross(b, b, in))
}

// without is a less what a multiple of b explains of it, by least squares.
func (a detail) without(b detail, in []int) detail {
	k := float32(cross(a, b, in) / max(cross(b, b, in), 1e-12))
	out := make(detail, len(a))
	for i := range out {
		out[i] = a[i] - k*b[i]
	}
	return out
}

// root is a square root that keeps the sign.
func root(x float64) float64 { return math.Copysign(math.Sqrt(math.Abs(x)), x) }
