package vision

import (
	"testing"

	"gocv.io/x/gocv"

	"volar/wire"
)

// TestMask: a cell counts where its middle is skin and in view, and less than
// a quarter of it is burnt out.
func TestMask(t *testing.T) {
	c := Crop{Pix: make([]byte, wire.Side*wire.Side), Channels: 1}
	skin := func(p Point) bool { return p.X < 64 }
	view := func(p Point) bool { return p.Y < 96 }
	burnt := func(i int) bool { // three pixels of each cell, and four of those in the first row of cells
		x, y := i%wire.Side, i/wire.Side
		return y%cell == 0 && (x%cell < 3 || y < cell)
	}
	c.mark(skin, burnt, view)
	for i := range cells * cells {
		x, y := i%cells, i/cells
		if got, want := c.Mask[i/8]>>(i%8)&1 == 1, x < 16 && y < 24 && y > 0; got != want {
			t.Fatalf("cell %d, %d is %v, want %v", x, y, got, want)
		}
	}
	c.Wipe()
	if c.Mask != [wire.MaskBytes]byte{} {
		t.Error("the mask is left")
	}
}

// TestWipe: what OpenCV worked on is overwritten, not only freed.
func TestWipe(t *testing.T) {
	buf := []byte{1, 2, 3, 4, 5, 6}
	m, err := gocv.NewMatFromBytes(2, 3, gocv.MatTypeCV8U, buf)
	if err != nil {
		t.Fatal(err)
	}
	var ms mats
	ms.keep(m)
	ms.empty()
	ms.wipe()
	for _, v := range buf {
		if v != 0 {
			t.Fatalf("left: %v", buf)
		}
	}
}

// TestCropDoesNotFold: a pattern finer than the crop comes out grey, not as a
// coarser pattern.
func TestCropDoesNotFold(t *testing.T) {
	var ms mats
	defer ms.wipe()
	m := ms.sized(900, 900, gocv.MatTypeCV8U)
	pix := bytesOf(m)
	for i := range pix {
		pix[i] = byte(200 * (i % 900 / 2 % 2))
	}
	c := ms.cropBytes(m, [9]float64{6, 0, 20, 0, 6, 20, 0, 0, 1}, func(Point) bool { return true })
	for i, v := range c.Pix {
		if v < 80 || v > 120 {
			t.Fatalf("pixel %d is %d, want about 100", i, v)
		}
	}
}
