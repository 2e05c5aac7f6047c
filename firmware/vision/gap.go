package vision

import "fmt"

// gap is the space between two fingers.
type gap struct {
	axis  Point   // unit vector along its middle, out to the finger tips
	width float64 // near its root, pixels; 0 where it is out of view
}

// How far above its root a gap must be in view, and where it is measured, as
// shares of the distance between the outer valleys.
const (
	gapSeen = 0.12
	gapAxis = 0.25
)

// trace follows the middle of a gap from its root outwards. The error is
// ErrCutOff where the picture ends too soon, ErrFingersClosed where the gap does.
func (s *silhouette) trace(n notch, d float64) (gap, error) {
	g := gap{axis: n.open}
	for range 2 {
		side := Point{-g.axis.Y, g.axis.X}
		var far Point
		top := 0.0
		for h := 0.04 * d; h <= gapAxis*d; h++ {
			p := n.at.towards(g.axis, h)
			if p = s.intoGap(p, side, 0.1*d); !s.inside(p, 1) || s.on(p) {
				if top == 0 && h < 0.1*d {
					continue // the root lies a little inside the hand
				}
				break
			}
			a, okA := s.wall(p, side, 0.5*d)
			b, okB := s.wall(p, side.times(-1), 0.5*d)
			if !okA || !okB {
				break
			}
			far, top, g.width = p.towards(side, (a-b)/2), h, a+b
		}
		if top < gapSeen*d {
			if s.inside(n.at.towards(g.axis, gapSeen*d), 2) {
				return g, fmt.Errorf("%w: a gap ends %.0f pixels above its root", ErrFingersClosed, top)
			}
			return g, fmt.Errorf("%w: the edge of the picture is too near to a gap between the fingers", ErrCutOff)
		}
		g.axis = far.sub(n.at).unit()
	}
	return g, nil
}

// intoGap moves p sideways off the hand, at most reach.
func (s *silhouette) intoGap(p, side Point, reach float64) Point {
	for d := 0.0; d <= reach; d++ {
		for _, q := range []Point{p.towards(side, d), p.towards(side, -d)} {
			if !s.on(q) && s.inside(q, 1) {
				return q
			}
		}
	}
	return p
}

// wall is how far it is from p to the hand. It is false where the picture ends first.
func (s *silhouette) wall(p, dir Point, most float64) (float64, bool) {
	for d := 0.0; d <= most; d++ {
		q := p.towards(dir, d)
		if !s.inside(q, 0) {
			return d, false
		}
		if s.on(q) {
			return d, true
		}
	}
	return most, true
}
