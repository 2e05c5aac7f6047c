package liveness

import (
	"math"

	"volar/wire"
)

// detail is one band of a crop, 64 by 64, with the slow changes of light taken
// off: each pixel is by how much it is brighter than its surroundings, as a share of them.
type detail []float32

// halved is one channel of a crop at half its size.
func halved(pix []byte, channels, channel int) []float32 {
	out := make([]float32, half*half)
	for i := range out {
		k := (2*(i/half)*wire.Side+2*(i%half))*channels + channel
		out[i] = (float32(pix[k]) + float32(pix[k+channels]) + float32(pix[k+wire.Side*channels]) + float32(pix[k+(wire.Side+1)*channels])) / 4
	}
	return out
}

func widened(pix []byte) []float32 {
	out := make([]float32, len(pix))
	for i, v := range pix {
		out[i] = float32(v)
	}
	return out
}

// detailOf takes a picture between two smoothings, of about 0.5 and 2.4 mm on
// a palm: where its creases and the edges of its veins are. It overwrites d.
func detailOf(d []float32) detail {
	wide, scratch := make([]float32, len(d)), make([]float32, len(d))
	average(d, scratch, 1)
	copy(wide, d)
	for range 3 {
		average(wide, scratch, 3)
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
	at := func(i int) int { return min(max(i, 0), half-1) }
	line := func(dst, src []float32, step int) {
		var sum float32
		for i := -r; i <= r; i++ {
			sum += src[at(i)*step]
		}
		for i := range half {
			dst[i*step] = sum / float32(2*r+1)
			sum += src[at(i+r+1)*step] - src[at(i-r)*step]
		}
	}
	for y := range half {
		line(scratch[y*half:], p[y*half:], 1)
	}
	for x := range half {
		line(p[x:], scratch[x:], half)
	}
}

const maskSide = 32 // cells of a mask

// inner lists the pixels whose cell of the masks, and every cell round it, is
// set in both: detail near an edge is the edge's.
func inner(a, b []byte) []int {
	set := func(x, y int) bool {
		if x < 0 || y < 0 || x >= maskSide || y >= maskSide {
			return true // the palm goes on past the crop
		}
		i := maskSide*y + x
		return a[i/8]&b[i/8]&(1<<(i%8)) != 0
	}
	var ok [maskSide * maskSide]bool
	for i := range ok {
		ok[i] = true
		for k := range 9 {
			ok[i] = ok[i] && set(i%maskSide+k%3-1, i/maskSide+k/3-1)
		}
	}
	const cell = half / maskSide
	var in []int
	for i := range half * half {
		if ok[i/half/cell*maskSide+i%half/cell] {
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
