package vision

import (
	"fmt"
	"math"

	"volar/wire"
)

// The search over planes. Each of the palm's blocks is compared with the
// colour picture along its epipolar line once; then every plane is judged by
// the likeness of the 16 blocks where it puts them. So a palm that is tilted,
// or of which some blocks look different in the two bands, is still found.
const (
	searchStep = 2.0 // crop pixels a sample
	tiltStep   = 6.0 // degrees
	tiltSteps  = 4   // to either side
	asideReach = 4   // samples across the epipolar line
	tiltReach  = 14  // crop pixels that a tilt moves the outer blocks
	commonSpan = 46  // mm between the outer valleys of a grown hand
	spanSpread = 10
)

// likenesses holds the NCC of each block, moved s samples along the epipolar
// line and t across it.
type likenesses struct {
	reach int       // s is -reach to reach
	ncc   []float64 // [t][s][block]
}

func (l *likenesses) at(t, s, block int) *float64 {
	return &l.ncc[((t+asideReach)*(2*l.reach+1)+s+l.reach)*Blocks*Blocks+block]
}

// between interpolates along s. Beyond the reach nothing is alike.
func (l *likenesses) between(t int, s float64, block int) float64 {
	i := int(math.Floor(s))
	if i < -l.reach || i >= l.reach {
		return 0
	}
	f := s - float64(i)
	return *l.at(t, i, block)*(1-f) + *l.at(t, i+1, block)*f
}

// search finds the palm's plane, roughly: a search over depth along the
// epipolar line, over tilt, and a little across the line.
func (r *registration) search() error {
	apart := r.palm.Valleys[2].sub(r.palm.Valleys[0]).norm() / math.Sqrt(r.cal.NIR.Fx*r.cal.NIR.Fy)
	far, near := apart/spanMost, apart/spanLeast
	mid := (far + near) / 2
	h := r.toRGB(plane{0, 0, mid})
	const middle = wire.Side / 2
	along, pace := r.heading(h, r.palm.Centre, Point{middle, middle}, mid)
	if !(pace*mid > 1) || math.IsInf(pace, 0) {
		return fmt.Errorf("%w: the cameras are too close together to tell a distance", ErrNotRegistered)
	}
	pace /= searchStep // samples that a unit of inverse depth moves
	reach := min(int((near-far)/2*pace+tiltReach/searchStep)+1, 60)
	l, seen := r.compare(h, along, reach)
	if seen < Blocks*Blocks/2 {
		return fmt.Errorf("%w: %d of its %d blocks are in the colour picture", ErrCutOff, seen, Blocks*Blocks)
	}
	r.judge(l, along, pace, far, mid, near)
	return nil
}

// compare fills in likenesses around where h puts the palm, and counts the
// blocks that the colour picture shows at all.
func (r *registration) compare(h [9]float64, along Point, reach int) (*likenesses, int) {
	const margin = 8
	grid := newPatch(margin, margin, margin, searchStep)
	want := view(grid, r.nir, r.palm.ToImage)
	defer want.wipe()
	wide := float64(reach+asideReach+1) * searchStep
	got := view(newPatch(margin+wide, margin+wide, margin+wide, searchStep), r.rgb, h)
	defer got.wipe()
	base := reach + asideReach + 1
	l := &likenesses{reach, make([]float64, (2*asideReach+1)*(2*reach+1)*Blocks*Blocks)}
	var seen [Blocks * Blocks]bool
	for t := -asideReach; t <= asideReach; t++ {
		for s := -reach; s <= reach; s++ {
			x := along.X*float64(s) - along.Y*float64(t)
			y := along.Y*float64(s) + along.X*float64(t)
			for b := range Blocks * Blocks {
				_, at := block(grid, b)
				v := want.ncc(got, at, base+int(math.Round(x)), base+int(math.Round(y)))
				seen[b] = seen[b] || v > -1
				*l.at(t, s, b) = max(v, 0)
			}
		}
	}
	n := 0
	for _, ok := range seen {
		if ok {
			n++
		}
	}
	return l, n
}

// judge takes the best plane and drift.
func (r *registration) judge(l *likenesses, along Point, pace, far, mid, near float64) {
	var at [Blocks * Blocks]Point // from the middle of the palm, normalised
	centre := r.normal(r.palm.Centre)
	for b := range at {
		c, _ := block(newPatch(0, 0, 0, 1), b)
		at[b] = r.normal(apply(r.palm.ToImage, c)).sub(centre)
	}
	best, aside := math.Inf(-1), 0
	steps := int((near-far)*pace) + 1
	for i := range steps + 1 {
		c := far + (near-far)*float64(i)/float64(steps)
		span := spanMost * far / c
		usual := -0.15 * square((span-commonSpan)/spanSpread)
		for j := range (2*tiltSteps + 1) * (2*tiltSteps + 1) {
			a := math.Tan(float64(j%(2*tiltSteps+1)-tiltSteps) * tiltStep * math.Pi / 180)
			b := math.Tan(float64(j/(2*tiltSteps+1)-tiltSteps) * tiltStep * math.Pi / 180)
			flat := usual - 0.15*(square(a/tiltSpread)+square(b/tiltSpread))
			for t := -asideReach; t <= asideReach; t++ {
				sum := flat
				for k, p := range at {
					sum += l.between(t, (c*(1+a*p.X+b*p.Y)-mid)*pace, k)
				}
				if sum > best {
					best, aside = sum, t
					r.plane = plane{a * c, b * c, c * (1 - a*centre.X - b*centre.Y)}
				}
			}
		}
	}
	r.drift = r.drift.towards(Point{-along.Y, along.X}, float64(aside)*searchStep)
}
