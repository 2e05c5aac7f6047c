package matcher

import (
	"math/bits"

	"volar/wire"
)

// A cell is burnt when most of its pixels are at the sensor's end in every
// channel: a highlight hides what lies under it.
const (
	burntLevel  = 254
	burntPixels = 12 // of pitch*pitch
)

// validOf joins the view's own mask with what its pixels rule out.
func validOf(v *wire.View) validity {
	var valid validity
	channels := v.Band.Channels()
	for y := range cells {
		for x := range cells {
			i := y*cells + x
			if v.Mask[i/8]>>(i%8)&1 == 1 && !burnt(v.Pix, channels, x, y) {
				valid[y] |= 1 << x
			}
		}
	}
	return valid
}

func burnt(pix []byte, channels, cx, cy int) bool {
	count := 0
	for y := cy * pitch; y < (cy+1)*pitch; y++ {
		for x := cx * pitch; x < (cx+1)*pitch; x++ {
			at := (y*wire.Side + x) * channels
			least := pix[at]
			for _, p := range pix[at+1 : at+channels] {
				least = min(least, p)
			}
			if least >= burntLevel {
				count++
			}
		}
	}
	return count >= burntPixels
}

// count is how many cells are valid.
func (v *validity) count() int {
	n := 0
	for _, w := range v {
		n += bits.OnesCount32(w)
	}
	return n
}
