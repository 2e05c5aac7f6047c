package liveness

import (
	"math"
	"slices"
)

// codeError is by how much the frames differ from what the nonce asked for:
// for each flash and cell, the logarithm of its share of the full light over
// the share that lamps in those corners at that strength throw there on
// something that leans and mirrors as this was found to; the typical size over
// the cells, of the worst flash. A wrong strength is 0.29 and more, a wrong corner as much at
// least on one side of the palm. Frames that were recorded under another
// code do not answer this one: somebody who feeds in an earlier burst has one
// chance in 497,664.
func (s *scene) codeError(camera int) float64 {
	worst := 0.0
	off := make([]float64, len(s.cells))
	for k, f := range s.flashes {
		for i := range s.cells {
			c := &s.cells[i]
			off[i] = math.Log(max(c.answered(camera, k, f), 1e-3)/c.asked(s, camera, i, f)) - s.drift*s.after(k)
		}
		worst = max(worst, typical(off))
	}
	return worst
}

// sumError is by how much the four corners' light, each taken from its flash
// or from what was missing in it, differs from the light of all four together:
// the typical size over the cells. Light adds up (superposition), whatever
// reflects it and however it is shaped, so that this is some hundredths for
// every real thing that holds still, and large where frames do not belong
// together or a lamp is not as bright as asked.
func (s *scene) sumError(camera int) float64 {
	off := make([]float64, len(s.cells))
	for i := range s.cells {
		for k := range 4 {
			off[i] += s.cells[i].single[camera][k] - s.cells[i].expect[camera][k]
		}
	}
	return typical(off)
}

// tilt is the mean lean that the shading shows against the plane that the two
// cameras' parallax has shown, in degrees, the larger of both cameras'. They
// are two measurements of one thing where the lamps were those that were asked for.
func tilt(s *scene) float64 {
	return degrees(max(math.Hypot(s.bent[nir].tilt[0], s.bent[nir].tilt[1]), math.Hypot(s.bent[rgb].tilt[0], s.bent[rgb].tilt[1])))
}

// typical is the median of the sizes, scaled to the deviation that normal
// values would have: glints and edges are a few cells, a wrong lamp is all of them.
func typical(v []float64) float64 {
	for i := range v {
		v[i] = math.Abs(v[i])
	}
	return 1.48 * median(v)
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
