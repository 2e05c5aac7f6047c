package vision

import "math"

// thumbSide tells on which side of the valleys the thumb is: below 0 beyond
// the first, above 0 beyond the last, and how surely, 0 to 1.
//
// Three signs are added up, since a hand close to the camera hides any of
// them: the web of the thumb is a notch beside the palm; the valley line
// slopes down towards the little finger, so that the gaps lean towards the
// index; and with the thumb and its ball the palm is wider on that side. The
// web counts most: lean and breadth differ from hand to hand.
func (s *silhouette) thumbSide(t *triple) (side int, sure float64) {
	axis := t.v[0].open.add(t.v[1].open).add(t.v[2].open).unit().add(t.out).unit()
	beside := Point{-axis.Y, axis.X}
	beside = beside.times(sign(beside.dot(t.across)))
	web := s.web(t, axis, beside)
	vote := s.lean(t) + web + s.breadth(t, axis, beside)
	// Where no web is in view, the other two must be all the clearer.
	trust := 0.5 + min(web*sign(web), 0.5)
	return int(sign(vote)), min(vote*sign(vote), 1) * trust
}

// lean is below 0 where the gaps lean towards the first valley.
func (s *silhouette) lean(t *triple) float64 {
	sum := 0.0
	for _, n := range t.v {
		sum += n.open.dot(t.across)
	}
	return clamp(sum, 0.5)
}

// Where the web of the thumb usually is: lengths are in distances of the
// outer valleys, from the middle valley, sideways and towards the wrist.
const (
	webAside  = 0.9
	webDown   = 1.0
	webSpread = 0.4
)

// web is below 0 where a notch like that between thumb and index lies beyond
// the first valley: the more so, the nearer it is to its usual place. beside
// runs from the first valley to the last. A notch that opens to the side or
// lies low is where a sleeve meets the wrist.
func (s *silhouette) web(t *triple, axis, beside Point) float64 {
	var best [2]float64 // beyond the first, beyond the last
	for _, n := range s.notches(webArms) {
		r := n.at.sub(t.v[1].at).times(1 / t.d)
		x, y := r.dot(beside), -r.dot(axis)
		aside := x * sign(x)
		if n.hole || aside < 0.6 || aside > 1.5 || y < 0.35 || y > 0.95+0.75*aside || n.open.dot(axis) < 0.3 {
			continue
		}
		like := math.Exp(-(square(aside-webAside) + square(y-webDown)) / (2 * webSpread * webSpread))
		side := &best[0]
		if x > 0 {
			side = &best[1]
		}
		*side = max(*side, like)
	}
	return 1.2 * (best[1] - best[0])
}

// breadth is below 0 where more of the hand lies beyond the first valley
// than beyond the last. Rows that the picture cuts do not count.
func (s *silhouette) breadth(t *triple, axis, beside Point) float64 {
	sum, n := 0.0, 0.0
	for i := 1; i <= 12; i++ {
		from := t.v[1].at.towards(axis, -0.1*float64(i)*t.d)
		a, okA := s.reach(from, beside.times(-1), 2.2*t.d)
		b, okB := s.reach(from, beside, 2.2*t.d)
		if okA && okB {
			sum += (b - a) / t.d
			n++
		}
	}
	if n < 3 {
		return 0
	}
	return clamp(sum/n, 0.4)
}

// reach is how far the hand goes on from p. It is false where the picture ends first.
func (s *silhouette) reach(p, dir Point, most float64) (float64, bool) {
	for d := 0.0; d < most; d++ {
		q := p.towards(dir, d)
		if !s.inside(q, 1) {
			return d, false
		}
		if !s.on(q) {
			return d, true
		}
	}
	return most, true
}

func sign(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}

func clamp(x, limit float64) float64 { return max(-limit, min(limit, x)) }
