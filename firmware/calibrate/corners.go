package calibrate

import (
	"cmp"
	"slices"
)

// ring are 16 places on a circle of radius 5 around a pixel (Bennett and
// Lasenby, "ChESS: quick and robust detection of chess-board features", CVIU
// 2014, figure 2).
var ring = [16][2]int{{0, -5}, {2, -5}, {4, -4}, {5, -2}, {5, 0}, {5, 2}, {4, 4}, {2, 5}, {0, 5}, {-2, 5}, {-4, 4}, {-5, 2}, {-5, 0}, {-5, -2}, {-4, -4}, {-2, -5}}

// chess is how much a pixel looks like a place where four squares meet
// (section 2.2 there): opposite places alike, places a quarter apart not, and
// the middle neither.
func (g *grey) chess(x, y int) float32 {
	var v [16]float32
	var mean float32
	for i, d := range ring {
		v[i] = g.at(x+d[0], y+d[1])
		mean += v[i] / 16
	}
	var sum, diff float32
	for i := range 4 {
		sum += abs(v[i] + v[i+8] - v[i+4] - v[i+12])
	}
	for i := range 8 {
		diff += abs(v[i] - v[i+8])
	}
	local := (g.at(x, y) + g.at(x-1, y) + g.at(x+1, y) + g.at(x, y-1) + g.at(x, y+1)) / 5
	return sum - diff - 16*abs(mean-local)
}

func abs(v float32) float32 { return max(v, -v) }

// corner is a candidate.
type corner struct {
	Point
	strength float32
}

// maxCorners bounds what is looked at further.
const maxCorners = 400

// corners lists the pixels that look like corners, strongest first.
func (g *grey) corners() []corner {
	s := g.smooth()
	strength := make([]float32, len(g.pix))
	var best float32
	for y := 6; y < g.h-6; y++ {
		for x := 6; x < g.w-6; x++ {
			c := s.chess(x, y)
			strength[y*g.w+x] = c
			best = max(best, c)
		}
	}
	const apart = 4
	var list []corner
	for y := 6; y < g.h-6; y++ {
		for x := 6; x < g.w-6; x++ {
			if c := strength[y*g.w+x]; c > best/10 && c > 0.02 && peak(strength, g.w, g.h, x, y, apart) {
				list = append(list, corner{Point{float64(x), float64(y)}, c})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b corner) int { return cmp.Compare(b.strength, a.strength) })
	return list[:min(len(list), maxCorners)]
}

// peak tells whether a place is the strongest around; of equals the first.
func peak(v []float32, w, h, x, y, around int) bool {
	c := v[y*w+x]
	for dy := -around; dy <= around; dy++ {
		for dx := -around; dx <= around; dx++ {
			if x+dx < 0 || y+dy < 0 || x+dx >= w || y+dy >= h {
				continue
			}
			if o := v[(y+dy)*w+x+dx]; o > c || o == c && (dy < 0 || dy == 0 && dx < 0) {
				return false
			}
		}
	}
	return true
}

// refine moves a corner to where all gradients around it are at right angles
// to the way to it (Förstner and Gülch 1987). It gives false where that is
// far from where it began.
func (g *grey) refine(p Point, half int) (Point, bool) {
	begin := p
	for range 12 {
		var a, b, c, u, v float64
		for dy := -half; dy <= half; dy++ {
			for dx := -half; dx <= half; dx++ {
				q := p.add(Point{float64(dx), float64(dy)})
				gx := (g.sample(q.add(Point{1, 0})) - g.sample(q.add(Point{-1, 0}))) / 2
				gy := (g.sample(q.add(Point{0, 1})) - g.sample(q.add(Point{0, -1}))) / 2
				r := float64(dx*dx+dy*dy) / float64(half*half)
				w := max(0, 1-r/2)
				a, b, c = a+w*gx*gx, b+w*gx*gy, c+w*gy*gy
				u, v = u+w*(gx*gx*q.X+gx*gy*q.Y), v+w*(gx*gy*q.X+gy*gy*q.Y)
			}
		}
		det := a*c - b*b
		if !(det > 1e-12) {
			return p, false
		}
		next := Point{(c*u - b*v) / det, (a*v - b*u) / det}
		step := next.distance(p)
		p = next
		if !(p.distance(begin) < 3) {
			return p, false
		}
		if step < 0.003 {
			break
		}
	}
	return p, true
}
