package quality

import (
	"math"
	"math/bits"

	"volar/hal"
	"volar/wire"
)

const (
	side = wire.Side
	cell = side / 32 // pixels of a mask's cell
)

// masked tells whether the pixel's cell shows skin.
func masked(mask []byte, x, y int) bool {
	i := y/cell*32 + x/cell
	return mask[i/8]&(1<<(i%8)) != 0
}

// share is how much of a mask is set, 0 to 1.
func share(mask []byte) float64 {
	n := 0
	for _, b := range mask {
		n += bits.OnesCount8(b)
	}
	return float64(n) / float64(8*len(mask))
}

// light is what a raw frame shows inside the palm's square: the mean level
// above the dark frame, and the share of samples at full scale, both 0 to 1.
// Places outside the picture do not count; with none inside both are NaN.
func light(lit, dark *hal.Frame, toImage *[9]float64) (level, saturated float64) {
	const step = 4 // a quarter of the crop's pixels a side is plenty for a mean
	full := fullScale(lit.Format)
	var n, sum, sat float64
	for y := 2.0; y < side; y += step {
		for x := 2.0; x < side; x += step {
			w := toImage[6]*x + toImage[7]*y + toImage[8]
			u := math.Round((toImage[0]*x + toImage[1]*y + toImage[2]) / w)
			v := math.Round((toImage[3]*x + toImage[4]*y + toImage[5]) / w)
			if !(u >= 0 && v >= 0 && u < float64(lit.Width) && v < float64(lit.Height)) {
				continue
			}
			l := sample(lit, int(u), int(v))
			n++
			sum += l - sample(dark, int(u), int(v))
			if l >= 0.98*full {
				sat++
			}
		}
	}
	return sum / n / full, sat / n
}

// sample is the value of one pixel of a near-infrared frame.
func sample(f *hal.Frame, x, y int) float64 {
	if f.Format == hal.Y10 {
		i := y*f.Stride + 2*x
		return float64(uint16(f.Pix[i]) | uint16(f.Pix[i+1])<<8)
	}
	return float64(f.Pix[y*f.Stride+x])
}

func fullScale(f hal.Format) float64 {
	if f == hal.Y10 {
		return 1023
	}
	return 255
}

// colour is the mean level of a colour crop and the share of its pixels of
// which any channel is at full scale, both 0 to 1.
func colour(rgb, mask []byte) (level, saturated float64) {
	var n, sum, sat float64
	for y := range side {
		for x := range side {
			if !masked(mask, x, y) {
				continue
			}
			p := rgb[3*(y*side+x):][:3]
			n++
			sum += float64(p[0]) + float64(p[1]) + float64(p[2])
			if max(p[0], p[1], p[2]) >= 250 {
				sat++
			}
		}
	}
	return sum / (3 * 255 * n), sat / n
}
