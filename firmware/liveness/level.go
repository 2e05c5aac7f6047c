package liveness

import (
	"math"

	"volar/hal"
	"volar/wire"
)

// Mean is the mean level of a raw frame inside the palm's square, 0 to 1;
// toImage takes a position in the crop to one in the frame, row major. Places
// outside the frame do not count; with none inside it is not a number.
func Mean(f *hal.Frame, toImage *[9]float64) float64 {
	const step = 4 // a quarter of the crop's pixels a side is plenty for a mean
	var n, sum float64
	for y := 2.0; y < wire.Side; y += step {
		for x := 2.0; x < wire.Side; x += step {
			w := toImage[6]*x + toImage[7]*y + toImage[8]
			u := math.Round((toImage[0]*x + toImage[1]*y + toImage[2]) / w)
			v := math.Round((toImage[3]*x + toImage[4]*y + toImage[5]) / w)
			if u >= 0 && v >= 0 && u < float64(f.Width) && v < float64(f.Height) {
				n++
				sum += level(f, int(u), int(v))
			}
		}
	}
	return sum / n
}

// level is the value of one pixel as a share of full scale; of a coloured one
// the mean of its channels.
func level(f *hal.Frame, x, y int) float64 {
	i := y*f.Stride + x*f.Format.BytesPerPixel()
	switch f.Format {
	case hal.RGB24:
		return (float64(f.Pix[i]) + float64(f.Pix[i+1]) + float64(f.Pix[i+2])) / (3 * 255)
	case hal.Y10:
		return float64(uint16(f.Pix[i])|uint16(f.Pix[i+1])<<8) / 1023
	}
	return float64(f.Pix[i]) / 255
}
