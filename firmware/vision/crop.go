package vision

import (
	"image"
	"image/color"

	"gocv.io/x/gocv"

	"volar/wire"
)

// Crop is a palm in one band: wire.Side by wire.Side pixels in the palm
// frame, row by row from the fingers to the wrist, Channels bytes each (1, or
// 3: red, green, blue). Mask is as in package wire. The zero Crop is no palm.
type Crop struct {
	Pix      []byte
	Channels int
	Mask     [wire.MaskBytes]byte
}

// Wipe overwrites the pixels and the mask.
func (c *Crop) Wipe() {
	clear(c.Pix)
	clear(c.Mask[:])
}

// crop cuts the square that h describes out of an 8-bit picture of 1 or 3
// channels. It samples twice as finely as the crop, from a picture shrunk to
// about that step, and then averages, so that no detail folds over.
func (ms *mats) crop(m *gocv.Mat, h [9]float64, s *silhouette, scale float64) Crop {
	const fine = 2 * wire.Side
	toFine := multiply(h, [9]float64{0.5, 0, -0.25, 0, 0.5, -0.25, 0, 0, 1})
	big := ms.warp(ms.shrink(m, &toFine), toFine, fine)
	small := ms.empty()
	gocv.Resize(*big, small, image.Pt(wire.Side, wire.Side), 0, 0, gocv.InterpolationArea)
	c := Crop{Pix: append([]byte(nil), bytesOf(small)...), Channels: m.Channels()}
	for y := range 32 {
		for x := range 32 {
			p := apply(h, Point{float64(4*x) + 1.5, float64(4*y) + 1.5})
			p = Point{(p.X+0.5)/scale - 0.5, (p.Y+0.5)/scale - 0.5}
			if s.on(p) {
				c.Mask[(32*y+x)/8] |= 1 << (x % 8)
			}
		}
	}
	return c
}

// shrink halves m until h, which it adapts, steps by less than two of its pixels.
func (ms *mats) shrink(m *gocv.Mat, h *[9]float64) *gocv.Mat {
	for {
		o, e := apply(*h, Point{wire.Side, wire.Side}), apply(*h, Point{wire.Side + 1, wire.Side})
		if e.sub(o).norm() < 2 || min(m.Cols(), m.Rows()) < 2*minSide {
			return m
		}
		half := ms.empty()
		gocv.Resize(*m, half, image.Pt(m.Cols()/2, m.Rows()/2), 0, 0, gocv.InterpolationArea)
		sx, sy := float64(half.Cols())/float64(m.Cols()), float64(half.Rows())/float64(m.Rows())
		*h = multiply([9]float64{sx, 0, sx/2 - 0.5, 0, sy, sy/2 - 0.5, 0, 0, 1}, *h)
		m = half
	}
}

// warp samples a side by side picture of m through h.
func (ms *mats) warp(m *gocv.Mat, h [9]float64, side int) *gocv.Mat {
	out := ms.empty()
	inv, ok := invert(h)
	if !ok {
		inv = [9]float64{0, 0, -1e6, 0, 0, -1e6, 0, 0, 1} // nothing in view
	}
	t := ms.sized(3, 3, gocv.MatTypeCV64F)
	for i, v := range inv {
		t.SetDoubleAt(i/3, i%3, v)
	}
	gocv.WarpPerspectiveWithParams(*m, out, *t, image.Pt(side, side), gocv.InterpolationLinear, gocv.BorderConstant, color.RGBA{})
	return out
}
