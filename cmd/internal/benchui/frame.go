package benchui

import (
	"volar/firmware/quality"
	"volar/hal"
	"volar/wire"
)

// framesOf gives the corners of the palm's square in both pictures. Where the
// distance (mm) is not known there is none in the colour picture.
func framesOf(p *quality.Palm, distance float64, cal *hal.Calibration) (f frameView) {
	for _, c := range [4][2]float64{{0, 0}, {wire.Side, 0}, {wire.Side, wire.Side}, {0, wire.Side}} {
		m := &p.ToImage
		w := m[6]*c[0] + m[7]*c[1] + m[8]
		if w == 0 {
			return frameView{}
		}
		at := [2]float64{(m[0]*c[0] + m[1]*c[1] + m[2]) / w, (m[3]*c[0] + m[4]*c[1] + m[5]) / w}
		f.NIR = append(f.NIR, at)
		if distance > 0 {
			f.RGB = append(f.RGB, inColour(at, distance, cal))
		}
	}
	return f
}

// inColour is where the colour camera sees what the near-infrared one sees at
// a pixel and a distance (hal.Calibration).
func inColour(at [2]float64, distance float64, cal *hal.Calibration) [2]float64 {
	n, c := &cal.NIR, &cal.RGB
	p := [3]float64{(at[0] - n.Cx) / n.Fx * distance, (at[1] - n.Cy) / n.Fy * distance, distance}
	var q [3]float64
	for i := range q {
		q[i] = cal.R[3*i]*p[0] + cal.R[3*i+1]*p[1] + cal.R[3*i+2]*p[2] + cal.T[i]
	}
	return [2]float64{c.Fx*q[0]/q[2] + c.Cx, c.Fy*q[1]/q[2] + c.Cy}
}
