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
	w, e, ok := bottom(ws, ends, d)
	if !ok || math.Hypot(w, e) > 0.07*d { // something dark beside the root
		return n.at
	}
	return n.at.towards(side, w).towards(n.open, e)
}

// skinEnd walks from inside the gap, a little above its root, towards the palm,
// and tells how far along open from p the brightness rises above level. From
// the palm outwards a vein or a crease could be taken for the end of skin.
func (s *silhouette) skinEnd(p, open Point, d, level float64) (float64, bool) {
	const step = 0.5
	before := s.at(p.towards(open, 0.08*d))
	if before > level {
		return 0, false
	}
	for e := 0.08*d - step; e > -0.1*d; e -= step {
		now := s.at(p.towards(open, e))
		if now > level {
			return e + step*(now-level)/(now-before), true
		}
		before = now
	}
	return 0, false
}

// bottom finds where the gap closes from where skin ends (ends, along the
// gap) on lines side by side (ws): across, it is midway between the walls a
// little above the lowest end; along, the mean end there. d is the distance
// between the outer valleys.
func bottom(ws, ends []float64, d float64) (w, e float64, ok bool) {
	if len(ws) < 5 {
		return 0, 0, false
	}
	least := 0
	for i := range ends {
		if ends[i] < ends[least] {
			least = i
		}
	}
	heights := []float64{0.02 * d, 0.04 * d, 0.06 * d}
	for _, h := range heights {
		lo, hi := least, least
		for lo > 0 && ends[lo-1]-ends[least] < h {
			lo--
		}
		for hi < len(ends)-1 && ends[hi+1]-ends[least] < h {
			hi++
		}
		w += (ws[lo] + ws[hi]) / 2 / float64(len(heights))
	}
	sum, n := 0.0, 0.0
	for i := range ws {
		if math.Abs(ws[i]-w) <= max(0.02*d, 1) && ends[i]-ends[least] < 0.06*d {
			sum += ends[i]
			n++
		}
	}
	if n == 0 {
		return 0, 0, false
	}
	return w, sum / n, true
}
