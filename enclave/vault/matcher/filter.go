package matcher

import (
	"math"

	"volar/wire"
)

// The filters: zero-mean elliptical Gabor functions, even phase, in
// orientations of 180/planes degrees, which answer most negatively on a dark
// line along their stripes (Kong and Zhang 2004; all orientations are kept
// as in BOCV, Guo et al. 2009).
const (
	wavelength  = 14.0            // pixels of the palm frame
	sigmaAcross = 0.33            // of the wavelength
	sigmaAlong  = 2 * sigmaAcross // of the wavelength
	support     = 2.2             // standard deviations at which a filter ends
	tapStep     = 2               // pixels between the taps: the field holds means of 2 by 2
	tapUnit     = 1024            // the value of a tap of weight 1
)

// A pose is how a probe's grid lies on its field.
type pose struct {
	turn  float64 // degrees
	scale float64
}

// A tap is a pair of pixels that lie opposite each other about the filter's centre.
type tap struct {
	offset int32 // in the field, from the centre; the other is at -offset
	weight int32
}

// A bank is the filters and the grid of one pose.
type bank struct {
	taps    [planes][]tap
	centres [cells * cells]int32 // in the field
	cell    [cells * cells]int16 // of the upright grid that holds the centre; -1 where it lies off the image
}

func newBank(p pose) *bank {
	b := new(bank)
	sin, cos := math.Sincos(p.turn * math.Pi / 180)
	for k := range planes {
		b.taps[k] = gabor(float64(k)*math.Pi/planes+p.turn*math.Pi/180, wavelength*p.scale)
	}
	for y := range cells {
		for x := range cells {
			u := p.scale * (float64(x*pitch+pitch/2) - wire.Side/2)
			v := p.scale * (float64(y*pitch+pitch/2) - wire.Side/2)
			px := math.Round(wire.Side/2 + cos*u - sin*v - 1)
			py := math.Round(wire.Side/2 + sin*u + cos*v - 1)
			b.centres[y*cells+x] = int32((py+fieldBorder)*fieldSide + px + fieldBorder)
			b.cell[y*cells+x] = -1
			if px >= 0 && py >= 0 && px < wire.Side && py < wire.Side {
				b.cell[y*cells+x] = int16(int(py)/pitch*cells + int(px)/pitch)
			}
		}
	}
	return b
}

// gabor lists one half of a filter whose stripes stand across the direction
// angle (radians); the other half mirrors it. The centre is listed with half its weight.
func gabor(angle, length float64) []tap {
	across, along := sigmaAcross*length, sigmaAlong*length
	sin, cos := math.Sincos(angle)
	reach := int(math.Ceil(support * along / tapStep))
	type point struct {
		offset     int32
		bell, wave float64
	}
	var points []point
	var bells, waves float64
	for j := -reach; j <= reach; j++ {
		for i := -reach; i <= reach; i++ {
			if j < 0 || (j == 0 && i < 0) {
				continue
			}
			x, y := float64(i*tapStep), float64(j*tapStep)
			u, v := (x*cos+y*sin)/across, (y*cos-x*sin)/along
			if u*u+v*v > support*support {
				continue
			}
			half := 1.0
			if i == 0 && j == 0 {
				half = 0.5
			}
			bell := half * math.Exp(-(u*u+v*v)/2)
			wave := bell * math.Cos(2*math.Pi*u*across/length)
			points = append(points, point{int32(j*tapStep*fieldSide + i*tapStep), bell, wave})
			bells += bell
			waves += wave
		}
	}
	taps := make([]tap, 0, len(points))
	for _, p := range points {
		w := int32(math.Round(tapUnit * (p.wave - p.bell*waves/bells)))
		if w != 0 {
			taps = append(taps, tap{p.offset, w})
		}
	}
	return taps
}

// responses runs one plane's filter at every cell of the grid.
func (b *bank) responses(f *field, plane int, out *[cells * cells]int32) {
	taps := b.taps[plane]
	for i, c := range b.centres {
		var sum int32
		for _, t := range taps {
			sum += t.weight * (int32(f.pix[c+t.offset]) + int32(f.pix[c-t.offset]))
		}
		out[i] = sum
	}
}
