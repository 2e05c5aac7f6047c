package vision

import (
	"fmt"
	"math"

	"gocv.io/x/gocv"

	"volar/hal"
	"volar/wire"
)

// Locate finds the palm in a near-infrared frame, given one of the same
// camera, size and format without lamps. The errors are those of this
// package: ErrFrame, ErrNoHand, ErrFingersClosed, ErrCutOff, ErrUnsure.
func Locate(lit, dark *hal.Frame) (*Palm, error) {
	if err := checkPair(lit, dark, hal.NIR); err != nil {
		return nil, fmt.Errorf("vision: locate: %w", err)
	}
	var ms mats
	defer ms.wipe()
	p, _, err := ms.find(ms.nirDifference(lit, dark))
	if err != nil {
		return nil, fmt.Errorf("vision: locate: %w", err)
	}
	return p, nil
}

// find is Locate on a difference of 10 bits.
func (ms *mats) find(diff *gocv.Mat) (*Palm, *silhouette, error) {
	work, scale := ms.working(ms.narrow(diff))
	return ms.locate(work, scale)
}

// gain makes the given share of the values come out at most at top. A dark
// picture is not amplified more than four times.
func gain(words []uint16, share, top float64) float64 {
	var hist [1024]int
	for _, v := range words {
		hist[min(v, 1023)]++
	}
	left := int(share * float64(len(words)))
	for v, n := range hist {
		if left -= n; left <= 0 {
			return min(top/float64(max(v, 1)), 1)
		}
	}
	return top / 1023
}

// The least of the palm's square that must be in view, and the least
// certainty about which hand it is.
const (
	minInside = 0.8
	minSure   = 0.15
)

// locate finds the palm in an 8-bit working picture of which one pixel is
// scale pixels of the full one.
func (ms *mats) locate(grey *gocv.Mat, scale float64) (*Palm, *silhouette, error) {
	s, err := ms.cut(grey)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.fourFingers(s.notches(fingerArms))
	if err != nil {
		return nil, nil, s.blame(err)
	}
	if err := s.gaps(&t); err != nil {
		return nil, nil, err
	}
	side, sure := s.thumbSide(&t)
	if sure < minSure {
		return nil, nil, s.blame(fmt.Errorf("%w: left or right hand (certainty %.2f, needs %.2f)", ErrUnsure, sure, minSure))
	}
	if side > 0 { // index first
		t.v[0], t.v[2] = t.v[2], t.v[0]
		t.across = t.across.times(-1)
	}
	p := &Palm{Hand: wire.Left, Sureness: sure, Spread: t.spread}
	if t.across.cross(t.out) > 0 {
		p.Hand = wire.Right
	}
	for i, n := range t.v {
		p.Valleys[i] = n.at
	}
	p.ToImage, p.Side = palmFrame(p.Valleys, t.out)
	s.describe(p)
	if p.Inside < minInside {
		return nil, nil, fmt.Errorf("%w: %.0f%% of its square is in view, needs %.0f%%", ErrCutOff, 100*p.Inside, 100*minInside)
	}
	p.enlarge(scale)
	return p, s, nil
}

// gaps refines the valleys of t and the directions of their gaps.
func (s *silhouette) gaps(t *triple) error {
	t.spread = math.Inf(1)
	for i := range t.v {
		n := &t.v[i]
		n.at = s.refine(*n, t.d)
		g, err := s.trace(*n, t.d)
		if err != nil {
			return err
		}
		n.open = g.axis
		t.spread = min(t.spread, g.width/t.d)
	}
	return nil
}

// blame turns an error into ErrCutOff where much of the picture's edge is
// hand: what is missing is probably out of view.
func (s *silhouette) blame(err error) error {
	on, n := 0, 0
	for i := range s.skin {
		if x, y := i%s.w, i/s.w; x == 0 || y == 0 || x == s.w-1 || y == s.h-1 {
			n++
			if s.skin[i] != 0 {
				on++
			}
		}
	}
	if float64(on) < 0.28*float64(n) {
		return err
	}
	return fmt.Errorf("%w: the hand fills %d%% of the picture's edge (%v)", ErrCutOff, 100*on/n, err)
}

// describe fills in what package quality judges.
func (s *silhouette) describe(p *Palm) {
	const half = (wire.Side - 1) / 2.
	p.Centre = apply(p.ToImage, Point{half, half})
	p.Coverage = p.Side / float64(min(s.w, s.h))
	up := apply(p.ToImage, Point{half, 0}).sub(p.Centre)
	p.RotationDeg = math.Atan2(up.X, -up.Y) * 180 / math.Pi
	in := 0
	for i := range cells * cells {
		if s.on(apply(p.ToImage, cellMiddle(i))) {
			in++
		}
	}
	p.Inside = float64(in) / (cells * cells)
}

// enlarge moves p from the working picture to the full one.
func (p *Palm) enlarge(scale float64) {
	up := func(q Point) Point { return Point{(q.X+0.5)*scale - 0.5, (q.Y+0.5)*scale - 0.5} }
	for i := range p.Valleys {
		p.Valleys[i] = up(p.Valleys[i])
	}
	p.Centre = up(p.Centre)
	p.Side *= scale
	shift := 0.5*scale - 0.5
	p.ToImage = multiply([9]float64{scale, 0, shift, 0, scale, shift, 0, 0, 1}, p.ToImage)
}
