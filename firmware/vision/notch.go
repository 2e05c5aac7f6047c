package vision

import (
	"math"
	"sort"
)

// notch is a place where the outline turns inwards: perhaps the root of the
// gap between two fingers.
type notch struct {
	at    Point
	open  Point   // unit vector from the root out through the gap
	angle float64 // between the two sides, radians: 0 is a slit, pi a straight edge
	hole  bool    // the gap is closed further out, by fingers that touch
}

const (
	maxNotch   = 125 * math.Pi / 180
	maxNotches = 14
)

// Arm lengths at which an angle is looked at, as shares of the radius of the
// palm: for the gaps between fingers, and for the wide web of the thumb.
var (
	fingerArms = []float64{0.22, 0.42}
	webArms    = []float64{0.42, 0.8}
)

// notches lists the sharpest inward turns of the outline, sharpest first.
func (s *silhouette) notches(arms []float64) []notch {
	scale := min(s.radius, 0.3*float64(min(s.w, s.h)))
	var all []notch
	for c, raw := range s.curves {
		pts := smoothed(raw)
		all = append(all, s.turns(pts, scale, arms, c > 0)...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].angle < all[j].angle })
	var kept []notch
next:
	for _, n := range all {
		for _, k := range kept {
			if n.at.sub(k.at).norm() < 0.15*scale {
				continue next
			}
		}
		if kept = append(kept, n); len(kept) == maxNotches {
			break
		}
	}
	return kept
}

// smoothed is a closed curve without the steps of its pixels: a binomial
// filter of nine points.
func smoothed(pts []Point) []Point {
	w := [...]float64{70. / 256, 56. / 256, 28. / 256, 8. / 256, 1. / 256}
	n := len(pts)
	out := make([]Point, n)
	if n < 9 {
		copy(out, pts)
		return out
	}
	for i := range pts {
		p := pts[i].times(w[0])
		for k := 1; k < len(w); k++ {
			p = p.add(pts[(i+k)%n].add(pts[(i-k+n)%n]).times(w[k]))
		}
		out[i] = p
	}
	return out
}

// turns lists the local minima of the angle that the outline makes, seen at
// some arm lengths, where it turns into the hand.
func (s *silhouette) turns(pts []Point, scale float64, arms []float64, hole bool) []notch {
	n := len(pts)
	inward := -sign(area(pts))
	if hole {
		inward = -inward // the hand is on the other side of a hole's outline
	}
	var all []notch
	for _, arm := range arms {
		k := int(arm * scale)
		if hole {
			k = min(k, n/5) // a gap that is closed further out may be short
		}
		if k < 3 || n < 4*k {
			continue
		}
		angle := make([]float64, n)
		for i := range pts {
			u, v := pts[(i+k)%n].sub(pts[i]), pts[(i-k+n)%n].sub(pts[i])
			angle[i] = math.Acos(clamp(u.unit().dot(v.unit()), 1))
			if v.cross(u)*inward > 0 {
				angle[i] = 2*math.Pi - angle[i]
			}
		}
		for i := range pts {
			if angle[i] > maxNotch || !lowest(angle, i, k/2) {
				continue
			}
			if t, ok := s.notchAt(pts, i, k); ok {
				t.angle, t.hole = angle[i], hole
				all = append(all, t)
			}
		}
	}
	return all
}

// area is positive for a closed curve that runs clockwise on the screen.
func area(pts []Point) float64 {
	sum := 0.0
	for i, p := range pts {
		sum += p.cross(pts[(i+1)%len(pts)])
	}
	return sum / 2
}

// lowest tells whether a[i] is the least of its neighbours up to r away.
func lowest(a []float64, i, r int) bool {
	n := len(a)
	for d := 1; d <= r; d++ {
		if a[(i+d)%n] < a[i] || a[(i-d+n)%n] <= a[i] {
			return false
		}
	}
	return true
}

// notchAt moves to the deepest point near i. It is false at the edge of the picture.
func (s *silhouette) notchAt(pts []Point, i, k int) (notch, bool) {
	n := len(pts)
	mid := pts[(i+k)%n].add(pts[(i-k+n)%n]).times(0.5)
	open := mid.sub(pts[i]).unit()
	deep := pts[i]
	for d := -k / 2; d <= k/2; d++ {
		if p := pts[(i+d+n)%n]; p.sub(deep).dot(open) < 0 {
			deep = p
		}
	}
	return notch{at: deep, open: open}, open != (Point{}) && s.inside(deep, 2)
}
