package liveness

import (
	"math"

	"volar/wire"
)

// softness is the lean of the skin as near infrared shows it over the lean
// that white light shows, by least squares. Near infrared travels millimetres
// in skin before it comes out (Jacques 2013, "Optical properties of biological
// tissues: a review", section 2: transport mean free paths of 1 mm and
// more), which carries light round bulges and flattens their shading. On
// what scatters at its surface, as paper and paint do, both bands shade alike.
func softness(s *scene) float64 {
	var num, den float64
	for i, l := range s.bent[rgb].lean {
		m := s.bent[nir].lean[i]
		num += l[0]*m[0] + l[1]*m[1]
		den += l[0]*l[0] + l[1]*l[1]
	}
	return num / den
}

// normal is that of the palm's plane, towards the camera.
func (s *scene) normal() vec {
	o := point(s.Proof.Place[0])
	n := point(s.Proof.Place[1]).sub(o).cross(point(s.Proof.Place[2]).sub(o)).unit()
	if n.z > 0 {
		n = n.times(-1)
	}
	return n
}

// reliefs are the blocks whose height is known: x and y in blocks from the
// middle, and mm.
func (s *scene) reliefs() (at [][2]float64, mm []float64) {
	const side = 4
	for i, r := range s.Proof.Relief {
		if r != wire.NoRelief {
			at = append(at, [2]float64{float64(i%side) - 1.5, float64(i/side) - 1.5})
			mm = append(mm, float64(r)/10)
		}
	}
	return at, mm
}

// fewestBlocks is how many blocks' parallax must be known.
const fewestBlocks = 6

// relief is by how much the palm departs from a plane, as the parallax between
// the two cameras shows it, root mean square in mm, as a
// logarithm. The balls of thumb and little
// finger stand 3 to 5 mm over the hollow of a flat hand; paper and glass do
// not.
func relief(s *scene) float64 {
	_, mm := s.reliefs()
	if len(mm) < fewestBlocks {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range mm {
		sum += v * v
	}
	return logarithm(math.Sqrt(sum/float64(len(mm))), 0.03)
}

// noCylinder is what is left of the relief when the best cylinder is taken
// off, root mean square in mm, as a logarithm: paper that is bent bends one way (a
// developable surface; do Carmo 1976, "Differential Geometry of Curves and Surfaces", section 3-5).
func noCylinder(s *scene) float64 {
	at, mm := s.reliefs()
	if len(mm) < fewestBlocks {
		return math.NaN()
	}
	best := math.Inf(1)
	for k := range 12 {
		sin, cos := math.Sincos(math.Pi * float64(k) / 12)
		var u, uu, v, uv, n float64
		for i, p := range at {
			x := p[0]*cos + p[1]*sin
			x *= x
			n++
			u += x
			uu += x * x
			v += mm[i]
			uv += x * mm[i]
		}
		b := (uv - u*v/n) / max(uu-u*u/n, 1e-9)
		a, sum := (v-b*u)/n, 0.0
		for i, p := range at {
			x := p[0]*cos + p[1]*sin
			d := mm[i] - a - b*x*x
			sum += d * d
		}
		best = min(best, sum/n)
	}
	return logarithm(math.Sqrt(best), 0.03)
}

// motion is the way that the palm went over the burst, in mm, as a decimal
// logarithm. A hand that is held out trembles by 0.1 to 0.5 mm at 8 to 12 Hz
// (Elble and Koller 1990, "Tremor") and drifts besides; what a stand holds,
// or a still frame that is fed in, does neither.
func motion(s *scene) float64 {
	o := point(s.Proof.Place[0])
	step := point(s.Proof.Place[1]).sub(o).norm() / wire.Side / 64
	var x, y, way float64
	for _, m := range s.Proof.Track {
		way += math.Hypot(float64(m.X)-x, float64(m.Y)-y) * step
		x, y = float64(m.X), float64(m.Y)
	}
	return math.Log10(max(way, 1e-3))
}
