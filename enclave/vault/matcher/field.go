package matcher

import (
	"math"

	"volar/wire"
)

// A field is one band of a palm made ready for the filters: local mean 0 and
// local contrast 1 (as contrastUnit), every value the mean of 2 by 2 pixels,
// with a mirrored border so that filters and turned grids may reach over the edge.
//
// All arithmetic is either on integers or on float64 whose products are
// rounded before they are added, so one image gives one field on every
// architecture (Go may fuse x*y+z on arm64).
type field struct {
	pix [fieldSide * fieldSide]int16
}

const (
	fieldBorder  = 48
	fieldSide    = wire.Side + 2*fieldBorder
	contrastUnit = 256 // the value of one local standard deviation
	contrastClip = 4   // local standard deviations at which a value is cut
)

// Local contrast: the half width of the window in pixels, and the standard
// deviation in grey levels below which a window counts as flat, so that
// sensor noise is not blown up into texture.
const (
	contrastRadius = 8
	contrastFloor  = 2
)

// newField normalises a view. pix holds wire.Side*wire.Side*channels bytes.
func newField(pix []byte, channels int) *field {
	grey := greyOf(pix, channels)
	norm := normalise(grey)
	f := new(field)
	f.fill(norm)
	wipe(grey)
	wipe(norm)
	return f
}

// greyOf reduces a view to one channel, in 1/256 grey levels. For white light red leads,
// because skin scatters red least into the creases' shadow contrast and blue
// carries the least light; the other channels steady it where red saturates.
func greyOf(pix []byte, channels int) []int32 {
	grey := make([]int32, wire.Side*wire.Side)
	for i := range grey {
		if channels == 1 {
			grey[i] = int32(pix[i]) << 8
			continue
		}
		p := pix[3*i : 3*i+3]
		grey[i] = 128*int32(p[0]) + 77*int32(p[1]) + 51*int32(p[2])
	}
	return grey
}

// normalise takes the local mean away and divides by the local standard
// deviation, over a window that is cut off at the image's edge.
func normalise(grey []int32) []int32 {
	const n, stride = wire.Side, wire.Side + 1
	sum := make([]int64, stride*stride) // integral images of the value and its square
	square := make([]int64, stride*stride)
	for y := range n {
		var s, q int64
		for x := range n {
			v := int64(grey[y*n+x])
			s += v
			q += v * v
			sum[(y+1)*stride+x+1] = sum[y*stride+x+1] + s
			square[(y+1)*stride+x+1] = square[y*stride+x+1] + q
		}
	}
	out := make([]int32, n*n)
	for y := range n {
		top, bottom := max(y-contrastRadius, 0)*stride, min(y+contrastRadius+1, n)*stride
		for x := range n {
			left, right := max(x-contrastRadius, 0), min(x+contrastRadius+1, n)
			count := int64(bottom-top) / stride * int64(right-left)
			s := sum[bottom+right] - sum[bottom+left] - sum[top+right] + sum[top+left]
			q := square[bottom+right] - square[bottom+left] - square[top+right] + square[top+left]
			out[y*n+x] = contrast(int64(grey[y*n+x]), s, q, count)
		}
	}
	clear(sum)
	clear(square)
	return out
}

// contrast is (v - mean) / sd in contrastUnit, cut at contrastClip, where s
// and q are the window's sum and sum of squares over n values.
func contrast(v, s, q, n int64) int32 {
	variance := float64(n*q-s*s) / float64(n*n)
	sd := math.Sqrt(variance) + contrastFloor*256
	z := float64(contrastUnit) * (float64(n*v-s) / float64(n)) / sd
	return int32(max(-contrastClip*contrastUnit, min(contrastClip*contrastUnit, math.Round(z))))
}

// fill averages 2 by 2 values and mirrors them over the border.
func (f *field) fill(norm []int32) {
	const n = wire.Side
	for y := range fieldSide {
		y0 := mirror(y - fieldBorder)
		y1 := min(y0+1, n-1)
		for x := range fieldSide {
			x0 := mirror(x - fieldBorder)
			x1 := min(x0+1, n-1)
			f.pix[y*fieldSide+x] = int16((norm[y0*n+x0] + norm[y0*n+x1] + norm[y1*n+x0] + norm[y1*n+x1]) / 4)
		}
	}
}

// mirror folds a coordinate back into 0 to wire.Side-1.
func mirror(v int) int {
	if v < 0 {
		return -1 - v
	}
	if v >= wire.Side {
		return 2*wire.Side - 1 - v
	}
	return v
}

// wipe zeroes pixels.
func wipe(b []int32) { clear(b) }
