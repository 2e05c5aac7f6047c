package vision

import "math"

// refine places the root of a gap to a fraction of a pixel: along lines
// parallel to the gap it finds where skin ends, at half the contrast there,
// and takes the vertex of a parabola through those ends. d is the distance
// between the outer valleys.
func (s *silhouette) refine(n notch, d float64) Point {
	skin, gap := 0.0, math.Inf(1)
	for i := 1; i <= 4; i++ {
		skin += s.at(n.at.towards(n.open, -d*(0.02+0.03*float64(i)))) / 4
	}
	for i := 1; i <= 8; i++ {
		gap = min(gap, s.at(n.at.towards(n.open, d*0.04*float64(i))))
	}
	if skin-gap < 8 {
		return n.at
	}
	level := gap + 0.5*(skin-gap)
	side := Point{-n.open.Y, n.open.X}
	var ws, ends []float64
	for w := -0.12 * d; w <= 0.12*d; w += 0.5 {
		if e, ok := s.skinEnd(n.at.towards(side, w), n.open, d, level); ok {
			ws, ends = append(ws, w), append(ends, e)
		}
	}
	w, e, ok := vertex(ws, ends, 0.06*d)
	if !ok {
		return n.at
	}
	return n.at.towards(side, w).towards(n.open, e)
}

// skinEnd walks from inside the palm out through the gap, and tells how far
// along open from p the brightness falls below level.
func (s *silhouette) skinEnd(p, open Point, d, level float64) (float64, bool) {
	const step = 0.5
	before := s.at(p.towards(open, -0.15*d))
	for e := -0.15*d + step; e < 0.2*d; e += step {
		now := s.at(p.towards(open, e))
		if now < level {
			if before < level {
				return 0, false
			}
			return e - step*(level-now)/(before-now), true
		}
		before = now
	}
	return 0, false
}

// vertex is the lowest point of a parabola fitted to the ends within reach of
// the least end. It is false where the ends do not turn upwards on both sides.
func vertex(ws, ends []float64, reach float64) (w, e float64, ok bool) {
	if len(ws) < 5 {
		return 0, 0, false
	}
	least := 0
	for i := range ends {
		if ends[i] < ends[least] {
			least = i
		}
	}
	var m [5]float64 // sums of powers of x
	var v [3]float64
	for i := range ws {
		x := ws[i] - ws[least]
		if math.Abs(x) > reach {
			continue
		}
		y := ends[i] - ends[least]
		for k, p := 0, 1.0; k < 5; k, p = k+1, p*x {
			m[k] += p
			if k < 3 {
				v[k] += p * y
			}
		}
	}
	a := [9]float64{m[0], m[1], m[2], m[1], m[2], m[3], m[2], m[3], m[4]}
	inv, solvable := invertScaled(a)
	if !solvable {
		return 0, 0, false
	}
	c0 := inv[0]*v[0] + inv[1]*v[1] + inv[2]*v[2]
	c1 := inv[3]*v[0] + inv[4]*v[1] + inv[5]*v[2]
	c2 := inv[6]*v[0] + inv[7]*v[1] + inv[8]*v[2]
	if !(c2 > 1e-6) {
		return 0, 0, false
	}
	x := -c1 / (2 * c2)
	if math.Abs(x) > reach {
		return 0, 0, false
	}
	return ws[least] + x, ends[least] + c0 + x*(c1+c2*x), true
}
