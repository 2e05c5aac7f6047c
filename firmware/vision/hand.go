package vision

import (
	"fmt"
	"math"
)

// triple is a guess at the three valleys between the four fingers. first and
// last are the outer ones, in no order yet; across runs from first to last
// and out points to the finger tips.
type triple struct {
	v           [3]notch
	d           float64
	across, out Point
	cost        float64
	spread      float64 // width of the narrowest gap, as a share of d
}

// maxCost is the cost above which no guess is believed.
const maxCost = 12

// fourFingers finds the three valleys among the notches: of all triples, the
// one that departs least from the anatomy of a hand.
func (s *silhouette) fourFingers(ns []notch) (triple, error) {
	best := triple{cost: math.Inf(1)}
	for i := range ns {
		for k := i + 1; k < len(ns); k++ {
			for j := range ns {
				if j == i || j == k {
					continue
				}
				if t, ok := s.measure(ns[i], ns[j], ns[k]); ok && t.cost < best.cost {
					best = t
				}
			}
		}
	}
	switch {
	case best.cost <= maxCost:
		return best, nil
	case len(ns) < 3:
		return best, fmt.Errorf("%w: %d gaps in the outline", ErrFingersClosed, len(ns))
	}
	return best, fmt.Errorf("%w: no three of %d gaps sit as finger valleys do (cost %.1f, allowed %d)",
		ErrUnsure, len(ns), best.cost, maxCost)
}

func square(x float64) float64 { return x * x }

// measure judges a, b, c as neighbouring valleys. It is false where they
// cannot be.
func (s *silhouette) measure(a, b, c notch) (triple, bool) {
	t := triple{v: [3]notch{a, b, c}}
	ac := c.at.sub(a.at)
	t.d = ac.norm()
	// 2 x radius is about the width of the palm, of which the valleys span
	// 0.5 to 0.7; a picture that cuts the palm makes the radius smaller.
	if t.d < 0.55*s.radius || t.d > 3*s.radius {
		return t, false
	}
	t.across = ac.unit()
	t.out = Point{-t.across.Y, t.across.X}
	if t.out.dot(a.open.add(b.open).add(c.open)) < 0 {
		t.out = t.out.times(-1)
	}
	ab, bc := b.at.sub(a.at), c.at.sub(b.at)
	along := ab.dot(t.across) / t.d
	if along < 0.25 || along > 0.75 {
		return t, false
	}
	rise := ab.dot(t.out) / t.d
	if rise < -0.2 || rise > 0.45 {
		return t, false
	}
	for _, n := range t.v {
		if n.open.dot(t.out) < 0.35 {
			return t, false
		}
	}
	t.cost = square(math.Log(ab.norm()/bc.norm())/0.25) + square((rise-0.12)/0.12)
	// The gaps fan out a little: the middle one points out, the outer ones outwards.
	t.cost += square(b.open.dot(t.across) / 0.3)
	t.cost += square((a.open.dot(t.across) + 0.12) / 0.35)
	t.cost += square((c.open.dot(t.across) - 0.12) / 0.35)
	t.cost += s.fingers(&t) + s.palm(&t)
	return t, true
}

// fingers charges for gaps that are not dark and fingers that are not skin.
func (s *silhouette) fingers(t *triple) float64 {
	cost := 0.0
	step := t.d / 12
	charge := func(from, dir Point, first, last int, want bool, price float64) {
		bad, n := 0.0, 0.0
		for i := first; i <= last; i++ {
			p := from.towards(dir, float64(i)*step)
			if !s.inside(p, 1) {
				continue
			}
			n++
			if s.on(p) != want {
				bad++
			}
		}
		if n > 0 {
			cost += price * bad / n
		}
	}
	a, b, c := t.v[0], t.v[1], t.v[2]
	for _, n := range t.v {
		charge(n.at, n.open, 1, 3, false, 6)
		if s.broken(n, 0.6*t.d) {
			cost += 6
		}
	}
	ab, bc := b.at.sub(a.at), c.at.sub(b.at)
	charge(a.at.towards(ab, 0.5), a.open.add(b.open).unit(), 0, 6, true, 8)
	charge(b.at.towards(bc, 0.5), b.open.add(c.open).unit(), 0, 6, true, 8)
	// The fingers beyond the outer valleys, index and little.
	charge(a.at.towards(ab, -0.45), a.open.towards(ab.unit(), -0.15).unit(), 0, 4, true, 4)
	charge(c.at.towards(bc, 0.45), c.open.towards(bc.unit(), 0.15).unit(), 0, 4, true, 4)
	return cost
}

// broken tells whether the gap goes on below n: two fingers that touch close a
// gap halfway, and what looks like its root is not.
func (s *silhouette) broken(n notch, reach float64) bool {
	side := Point{-n.open.Y, n.open.X}
	for e := 5.0; e < reach; e += 2 {
		for w := -0.1 * e; w <= 0.1*e+0.5; w++ {
			if p := n.at.towards(n.open, -e).towards(side, w); s.inside(p, 1) && !s.on(p) {
				return true
			}
		}
	}
	return false
}

// palm charges for places below the valleys that are not skin.
func (s *silhouette) palm(t *triple) float64 {
	bad, n := 0.0, 0.0
	for y := 1; y <= 10; y++ {
		for x := 0; x <= 10; x++ {
			p := t.v[0].at.towards(t.across, float64(x)*t.d/10).towards(t.out, -float64(y)*t.d/10)
			if !s.inside(p, 0) {
				continue
			}
			n++
			if !s.on(p) {
				bad++
			}
		}
	}
	if n < 40 {
		return 100
	}
	return 30 * bad / n
}
