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

// The filters stand in banks, turned by bankTurn to either side: a probe is
// turned by taking the bank whose turn is nearest, which is less than half of what a
// filter's answer is wide.
const (
	upright = iota
	turnedLeft
	turnedRight
	banks
	bankTurn = 15.0 // degrees
)

// filters holds the banks of one band as kernel.Filter reads them.
type filters [banks][]int16

// plain are the filters of the plain scheme, 180/planes degrees apart and even in phase.
var plain = func() filters {
	var g [planes]gabor
	for k := range g {
		g[k] = gabor{float64(k) * math.Pi / planes, wavelength, 0}
	}
	return filtersOf(g)
}()

func filtersOf(g [planes]gabor) (f filters) {
	for bank, turn := range [banks]float64{upright: 0, turnedLeft: -bankTurn, turnedRight: bankTurn} {
		const rows = 2*filterReach + 1
		f[bank] = make([]int16, rows*kernel.Filters*kernel.Taps)
		for k := range g {
			turned := g[k]
			turned.angle += turn * math.Pi / 180
			for _, p := range turned.taps() {
				f[bank][((filterReach+p.y)*kernel.Filters+k)*kernel.Taps+filterReach+p.x] = p.weight
			}
		}
	}
	return f
}

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

// A tap is one point of a filter.
type tap struct {
	x, y   int // points from the centre
	weight int16
}

// A gabor is a filter whose stripes stand across the direction angle.
type gabor struct {
	angle  float64 // radians
	length float64 // of the wave, pixels
	phase  float64 // radians; 0 is even and answers most negatively on a dark line
}

// taps lists the filter's points. Its mean is taken away in proportion to its bell.
func (g gabor) taps() []tap {
	across, along := sigmaAcross*g.length, sigmaAlong*wavelength
	sin, cos := math.Sincos(g.angle)
	type point struct {
		x, y       int
		bell, wave float64
	}
	var all []point
	var bells, waves float64
	for j := -filterReach; j <= filterReach; j++ {
		for i := -filterReach; i <= filterReach; i++ {
			x, y := float64(i*tapStep), float64(j*tapStep)
			u, v := (float64(x*cos)+float64(y*sin))/across, (float64(y*cos)-float64(x*sin))/along
			if float64(u*u)+float64(v*v) > support*support {
				continue
			}
			bell := math.Exp(-(float64(u*u) + float64(v*v)) / 2)
			wave := bell * math.Cos(float64(2*math.Pi*u*across/g.length)+g.phase)
			all = append(all, point{i, j, bell, wave})
			bells += bell
			waves += wave
		}
	}
	out := make([]tap, 0, len(all))
	for _, p := range all {
		out = append(out, tap{p.x, p.y, int16(math.Round(tapUnit * (p.wave - float64(p.bell*waves/bells))))})
	}
	return out
}
