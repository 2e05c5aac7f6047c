package matcher

import (
	"math"

	"volar/enclave/vault/kernel"
	"volar/wire"
)

// A field is one band of a palm made ready for the filters: local mean 0 and
// local contrast 1 (as contrastUnit), at half the resolution, every value the mean of
// 2 by 2 pixels, with a mirrored border so that filters may reach over the
// edge. Point (x, y) lies at 2x+2, 2y+2 of the palm frame's pixels.
//
// All arithmetic is either on integers or on float64 whose products are
// rounded before they are added, so one image gives one field on every
// architecture (Go may fuse x*y+z on arm64).
type field struct {
	pix [fieldRows * fieldStride]int16
}

const (
	points      = wire.Side / tapStep // along an edge of the palm frame
	fieldBorder = filterReach         // points
	fieldRows   = points + 2*fieldBorder
	fieldStride = points + kernel.Taps // the kernel reads that many values a row, whatever the filter's width

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

// A normaliser is the working memory of field.set.
type normaliser struct {
	grey, norm  [wire.Side * wire.Side]int32
	sum, square [(wire.Side + 1) * (wire.Side + 1)]int64 // integral images of the value and its square
}

// set normalises a view. pix holds wire.Side*wire.Side*channels bytes.
func (f *field) set(n *normaliser, pix []byte, channels int) {
	n.toGrey(pix, channels)
	n.normalise()
	f.fill(&n.norm)
	*n = normaliser{}
}

// toGrey reduces a view to one channel, in 1/256 grey levels. For white light red leads,
// because skin scatters red least into the creases' shadow contrast and blue
// carries the least light; the other channels steady it where red saturates.
func (n *normaliser) toGrey(pix []byte, channels int) {
	for i := range n.grey {
		if channels == 1 {
			n.grey[i] = int32(pix[i]) << 8
			continue
		}
		p := pix[3*i : 3*i+3]
		n.grey[i] = 128*int32(p[0]) + 77*int32(p[1]) + 51*int32(p[2])
	}
}

// normalise takes the local mean away and divides by the local standard
// deviation, over a window that is cut off at the image's edge.
func (n *normaliser) normalise() {
	const side, stride = wire.Side, wire.Side + 1
	for y := range side {
		var s, q int64
		for x := range side {
			v := int64(n.grey[y*side+x])
			s += v
			q += v * v
			n.sum[(y+1)*stride+x+1] = n.sum[y*stride+x+1] + s
			n.square[(y+1)*stride+x+1] = n.square[y*stride+x+1] + q
		}
	}
	for y := range side {
		top, bottom := max(y-contrastRadius, 0)*stride, min(y+contrastRadius+1, side)*stride
		for x := range side {
			left, right := max(x-contrastRadius, 0), min(x+contrastRadius+1, side)
			count := int64(bottom-top) / stride * int64(right-left)
			s := n.sum[bottom+right] - n.sum[bottom+left] - n.sum[top+right] + n.sum[top+left]
			q := n.square[bottom+right] - n.square[bottom+left] - n.square[top+right] + n.square[top+left]
			n.norm[y*side+x] = contrast(int64(n.grey[y*side+x]), s, q, count)
		}
	}
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
func (f *field) fill(norm *[wire.Side * wire.Side]int32) {
	const n = wire.Side
	for y := range fieldRows {
		y0 := mirror(tapStep*(y-fieldBorder) + 1)
		y1 := min(y0+1, n-1)
		for x := range points + 2*fieldBorder {
			x0 := mirror(tapStep*(x-fieldBorder) + 1)
			x1 := min(x0+1, n-1)
			f.pix[y*fieldStride+x] = int16((norm[y0*n+x0] + norm[y0*n+x1] + norm[y1*n+x0] + norm[y1*n+x1]) / 4)
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
