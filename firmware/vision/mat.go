package vision

import (
	"encoding/binary"
	"fmt"

	"gocv.io/x/gocv"

	"volar/hal"
)

// mats frees every Mat that it made, and overwrites it first.
type mats []*gocv.Mat

// keep puts m under the care of ms.
func (ms *mats) keep(m gocv.Mat) *gocv.Mat {
	p := &m
	*ms = append(*ms, p)
	return p
}

func (ms *mats) empty() *gocv.Mat { return ms.keep(gocv.NewMat()) }

func (ms *mats) sized(rows, cols int, t gocv.MatType) *gocv.Mat {
	return ms.keep(gocv.NewMatWithSize(rows, cols, t))
}

// wipe overwrites and frees all.
func (ms *mats) wipe() {
	for _, m := range *ms {
		if !m.Empty() {
			m.SetTo(gocv.NewScalar(0, 0, 0, 0))
		}
		m.Close()
	}
	*ms = nil
}

// bytesOf is the memory of an 8-bit Mat. It is valid as long as the Mat is.
func bytesOf(m *gocv.Mat) []byte {
	b, err := m.DataPtrUint8()
	if err != nil {
		panic("vision: " + err.Error()) // every Mat made here is continuous
	}
	return b
}

// wordsOf is the memory of a 16-bit Mat.
func wordsOf(m *gocv.Mat) []uint16 {
	b, err := m.DataPtrUint16()
	if err != nil {
		panic("vision: " + err.Error()) // every Mat made here is continuous
	}
	return b
}

// minSide is the smallest picture looked at, in pixels a side.
const minSide = 64

// checkPair tells whether lit and dark can be subtracted.
func checkPair(lit, dark *hal.Frame, band hal.Band) error {
	for _, f := range []*hal.Frame{lit, dark} {
		if f == nil {
			return fmt.Errorf("%w: missing", ErrFrame)
		}
		if err := f.Check(); err != nil {
			return fmt.Errorf("%w: %v", ErrFrame, err)
		}
		if f.Band != band {
			return fmt.Errorf("%w: %v frame, wanted %v", ErrFrame, f.Band, band)
		}
	}
	if lit.Format != dark.Format || lit.Width != dark.Width || lit.Height != dark.Height {
		return fmt.Errorf("%w: lit is %v %dx%d, dark %v %dx%d", ErrFrame,
			lit.Format, lit.Width, lit.Height, dark.Format, dark.Width, dark.Height)
	}
	if lit.Width < minSide || lit.Height < minSide {
		return fmt.Errorf("%w: %dx%d, needs %d a side", ErrFrame, lit.Width, lit.Height, minSide)
	}
	return nil
}

// nirDifference is lit minus dark, not below zero: what the lamps add, in
// tenth bits (0 to 1023) whatever the format. The frames have passed checkPair.
func (ms *mats) nirDifference(lit, dark *hal.Frame) *gocv.Mat {
	m := ms.sized(lit.Height, lit.Width, gocv.MatTypeCV16U)
	out := wordsOf(m)
	for y := range lit.Height {
		a, b := lit.Pix[y*lit.Stride:], dark.Pix[y*dark.Stride:]
		row := out[y*lit.Width : (y+1)*lit.Width]
		if lit.Format == hal.Y8 {
			for x := range row {
				row[x] = uint16(max(int(a[x])-int(b[x]), 0)) << 2
			}
			continue
		}
		for x := range row {
			p, q := binary.LittleEndian.Uint16(a[2*x:]), binary.LittleEndian.Uint16(b[2*x:])
			row[x] = uint16(max(int(min(p, 1023))-int(q), 0))
		}
	}
	return m
}

// rgbDifference is lit minus dark, 3 channels of 8 bits.
func (ms *mats) rgbDifference(lit, dark *hal.Frame) *gocv.Mat {
	m := ms.sized(lit.Height, lit.Width, gocv.MatTypeCV8UC3)
	out := bytesOf(m)
	n := 3 * lit.Width
	for y := range lit.Height {
		a, b := lit.Pix[y*lit.Stride:][:n], dark.Pix[y*dark.Stride:][:n]
		row := out[y*n:][:n]
		for x := range row {
			row[x] = byte(max(int(a[x])-int(b[x]), 0))
		}
	}
	return m
}
