package matcher

import (
	"math"

	"volar/enclave/vault/kernel"
)

// The filters: zero-mean elliptical Gabor functions, even phase, which answer
// most negatively on a dark line along their stripes (Kong and Zhang 2004; all orientations are kept
// as in BOCV, Guo et al. 2009).
const (
	wavelength  = 14.0            // pixels of the palm frame
	sigmaAcross = 0.33            // of the wavelength
	sigmaAlong  = 2 * sigmaAcross // of the wavelength
	support     = 2.2             // standard deviations at which a filter ends
	tapStep     = 2               // pixels between the taps: the field holds means of 2 by 2
	tapUnit     = 1024            // the value of a tap of weight 1
	filterReach = 10              // taps to either side of the centre: support * sigmaAlong * wavelength / tapStep, rounded down
)

// The filters stand in two banks of planes orientations, 180/planes degrees
// apart: the even bank, which templates are made with, begins at 0 degrees, the odd one
// half a step on. A probe is turned by taking its orientations from either.
const (
	even = iota
	odd
	banks
)

// taps holds the banks as kernel.Filter reads them.
var taps = func() (t [banks][]int16) {
	for bank := range t {
		const rows = 2*filterReach + 1
		t[bank] = make([]int16, rows*kernel.Filters*kernel.Taps)
		for k := range planes {
			angle := (float64(k) + float64(bank)/banks) * math.Pi / planes
			for _, p := range gabor(angle) {
				t[bank][((filterReach+p.y)*kernel.Filters+k)*kernel.Taps+filterReach+p.x] += p.weight
				t[bank][((filterReach-p.y)*kernel.Filters+k)*kernel.Taps+filterReach-p.x] += p.weight
			}
		}
	}
	return t
}()

// grid and dense are the centres of the filters, as kernel.Filter takes them:
// the cells of a template, and every point of the field.
var grid, dense = func() (g [cells * cells]int32, d [points * points]int32) {
	for y := range points {
		for x := range points {
			d[y*points+x] = int32((y+fieldBorder-filterReach)*fieldStride + x + fieldBorder - filterReach)
		}
	}
	for cell := range g {
		g[cell] = d[cellPoint(cell)]
	}
	return g, d
}()

// cellPoint is the point of the field at the middle of a cell.
func cellPoint(cell int) int {
	const step = pitch / tapStep
	return cell/cells*step*points + cell%cells*step
}

// A tap is a pair of points that lie opposite each other about the filter's centre.
type tap struct {
	x, y   int // points from the centre; the other is at -x, -y
	weight int16
}

// gabor lists one half of a filter whose stripes stand across the direction
// angle (radians); the other half mirrors it. The centre is its own mirror and has half its weight.
func gabor(angle float64) []tap {
	const across, along = sigmaAcross * wavelength, sigmaAlong * wavelength
	sin, cos := math.Sincos(angle)
	type point struct {
		x, y       int
		bell, wave float64
	}
	var all []point
	var bells, waves float64
	for j := 0; j <= filterReach; j++ {
		for i := -filterReach; i <= filterReach; i++ {
			if j == 0 && i < 0 {
				continue
			}
			x, y := float64(i*tapStep), float64(j*tapStep)
			u, v := (float64(x*cos)+float64(y*sin))/across, (float64(y*cos)-float64(x*sin))/along
			if float64(u*u)+float64(v*v) > support*support {
				continue
			}
			half := 1.0
			if i == 0 && j == 0 {
				half = 0.5
			}
			bell := half * math.Exp(-(float64(u*u)+float64(v*v))/2)
			wave := bell * math.Cos(2*math.Pi*u*across/wavelength)
			all = append(all, point{i, j, bell, wave})
			bells += bell
			waves += wave
		}
	}
	half := make([]tap, 0, len(all))
	for _, p := range all {
		half = append(half, tap{p.x, p.y, int16(math.Round(tapUnit * (p.wave - float64(p.bell*waves/bells))))})
	}
	return half
}
