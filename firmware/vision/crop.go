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

const (
	cells = 32                // of the mask, a side
	cell  = wire.Side / cells // pixels
)

// cropBytes cuts the square that h describes out of an 8-bit picture of 1 or
// 3 channels. skin tells where the palm frame shows the hand.
func (ms *mats) cropBytes(m *gocv.Mat, h [9]float64, skin func(Point) bool) Crop {
	c := Crop{Pix: append([]byte(nil), bytesOf(ms.square(m, h))...), Channels: m.Channels()}
	c.mark(skin, func(i int) bool {
		for k := range c.Channels {
			if c.Pix[c.Channels*i+k] < 250 {
				return false
			}
		}
		return true
	}, seen(m, h))
	return c
}

// cropWords is cropBytes for a near-infrared difference of 10 bits, which it
// brightens so that 250 is the brightest but for 1 % of the crop.
func (ms *mats) cropWords(m *gocv.Mat, h [9]float64, skin func(Point) bool) Crop {
	wide := ms.empty()
	m.ConvertToWithParams(wide, gocv.MatTypeCV16U, 64, 0) // room for fractions
	fine := wordsOf(ms.square(wide, h))
	ten := make([]uint16, len(fine))
	for i, v := range fine {
		ten[i] = v / 64
	}
	g := min(gain(ten, 0.99, 250), 2)
	c := Crop{Pix: make([]byte, len(fine)), Channels: 1}
	for i, v := range fine {
		c.Pix[i] = byte(min(float64(v)/64*g+0.5, 255))
	}
	c.mark(skin, func(i int) bool { return ten[i] >= 1000 }, seen(m, h))
	clear(ten)
	return c
}

// mark sets the mask's bit of each cell whose middle is skin and in the
// picture, and of which less than a quarter is burnt out.
func (c *Crop) mark(skin func(Point) bool, burnt func(i int) bool, seen func(Point) bool) {
	for i := range cells * cells {
		x, y := cell*(i%cells), cell*(i/cells)
		n := 0
		for k := range cell * cell {
			if burnt((y+k/cell)*wire.Side + x + k%cell) {
				n++
			}
		}
		if p := cellMiddle(i); skin(p) && seen(p) && 4*n < cell*cell {
			c.Mask[i/8] |= 1 << (i % 8)
		}
	}
}

// cellMiddle is where cell i of the mask has its middle, in crop pixels.
func cellMiddle(i int) Point {
	const half = (cell - 1) / 2.
	return Point{float64(cell*(i%cells)) + half, float64(cell*(i/cells)) + half}
}

// seen tells of a place in the crop whether m shows it.
func seen(m *gocv.Mat, h [9]float64) func(Point) bool {
	w, rows := float64(m.Cols()-1), float64(m.Rows()-1)
	return func(p Point) bool {
		q := apply(h, p)
		return q.X >= 0 && q.Y >= 0 && q.X <= w && q.Y <= rows
	}
}

// square samples the crop twice as finely as it is, from a picture shrunk to
// about that step, and then averages, so that no detail folds over.
func (ms *mats) square(m *gocv.Mat, h [9]float64) *gocv.Mat {
	const fine = 2 * wire.Side
	toFine := multiply(h, [9]float64{0.5, 0, -0.25, 0, 0.5, -0.25, 0, 0, 1})
	big := ms.warp(ms.shrink(m, &toFine), toFine, fine)
	small := ms.empty()
	gocv.Resize(*big, small, image.Pt(wire.Side, wire.Side), 0, 0, gocv.InterpolationArea)
	return small
}

// shrink halves m until h, which it adapts, steps by about one of its pixels.
func (ms *mats) shrink(m *gocv.Mat, h *[9]float64) *gocv.Mat {
	for {
		o, e := apply(*h, Point{wire.Side, wire.Side}), apply(*h, Point{wire.Side + 1, wire.Side})
		if !(e.sub(o).norm() >= 1.4) || min(m.Cols(), m.Rows()) < 2*minSide {
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
