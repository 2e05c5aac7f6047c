package vision

import (
	"fmt"
	"image"

	"gocv.io/x/gocv"

	"volar/hal"
)

// Still finds and cuts the palm in one picture of a whole hand on a dark
// ground: pix holds height rows of width pixels of 1 (grey) or 3 (red, green,
// blue) bytes. The palm, not the back of the hand, is taken to face the
// camera, and the picture is taken not to be mirrored.
func Still(pix []byte, width, height, channels int) (*Palm, Crop, error) {
	if channels != 1 && channels != 3 {
		return nil, Crop{}, fmt.Errorf("vision: locate: %w: %d channels, allowed 1 or 3", ErrFrame, channels)
	}
	if width < minSide || height < minSide || width > hal.MaxSide || height > hal.MaxSide {
		return nil, Crop{}, fmt.Errorf("vision: locate: %w: %dx%d, allowed %d to %d a side", ErrFrame, width, height, minSide, hal.MaxSide)
	}
	if len(pix) != width*height*channels {
		return nil, Crop{}, fmt.Errorf("vision: locate: %w: %d bytes, needs %d", ErrFrame, len(pix), width*height*channels)
	}
	var ms mats
	defer ms.wipe()
	kind := gocv.MatTypeCV8U
	if channels == 3 {
		kind = gocv.MatTypeCV8UC3
	}
	m := ms.sized(height, width, kind)
	copy(bytesOf(m), pix)
	work, scale := ms.working(m)
	if channels == 3 {
		work = ms.skinTone(work)
	}
	p, s, err := ms.locate(work, scale)
	if err != nil {
		return nil, Crop{}, fmt.Errorf("vision: locate: %w", err)
	}
	skin := func(q Point) bool {
		q = apply(p.ToImage, q)
		return s.on(Point{(q.X+0.5)/scale - 0.5, (q.Y+0.5)/scale - 0.5})
	}
	return p, ms.cropBytes(m, p.ToImage, skin), nil
}

// working shrinks m to at most workSide pixels a side, and tells how many
// pixels of m one of the result is.
func (ms *mats) working(m *gocv.Mat) (*gocv.Mat, float64) {
	long := max(m.Cols(), m.Rows())
	if long <= workSide {
		return m, 1
	}
	scale := float64(long) / workSide
	small := ms.empty()
	gocv.Resize(*m, small, image.Pt(int(float64(m.Cols())/scale+0.5), int(float64(m.Rows())/scale+0.5)), 0, 0, gocv.InterpolationArea)
	return small, scale
}

// skinTone is the red of a picture, less where red is not the strongest
// colour: skin of every tone is redder than it is green or blue.
func (ms *mats) skinTone(m *gocv.Mat) *gocv.Mat {
	out := ms.sized(m.Rows(), m.Cols(), gocv.MatTypeCV8U)
	rgb, grey := bytesOf(m), bytesOf(out)
	for i := range grey {
		r, g, b := int(rgb[3*i]), int(rgb[3*i+1]), int(rgb[3*i+2])
		grey[i] = byte(min(max((3*r-max(g, b))/2, 0), 255))
	}
	return out
}
