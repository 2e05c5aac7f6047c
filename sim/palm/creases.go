package palm

import (
	"math"
	"math/rand/v2"
)

// principal is one of the three flexion creases at scale one: its usual
// course, how far it strays, and how strong it is.
type principal struct {
	course []Point
	stray  float64 // mm, of each control point across the line
	shift  float64 // mm, of the whole line
	trim   [2]float64
	width  float64 // mm, deviation of the profile
	depth  float64
	fork   float64 // probability of a fork at the far end
}

var principals = [3]principal{
	{ // heart: from the edge below the little finger to between index and middle
		course: []Point{{46, -2}, {35, -3.5}, {21, -7}, {7, -13}, {-5, -21.5}, {-13, -31}},
		stray:  1.8, shift: 1.8, trim: [2]float64{0.03, 0.24}, width: 0.36, depth: 0.82, fork: 0.65,
	},
	{ // head: from the edge below the index finger across the palm
		course: []Point{{-37, -10}, {-23, -7.5}, {-9, -1}, {7, 6.5}, {21, 15}, {33, 25}},
		stray:  2.0, shift: 1.8, trim: [2]float64{0.04, 0.26}, width: 0.34, depth: 0.8, fork: 0.4,
	},
	{ // life: round the ball of the thumb
		course: []Point{{-37, -9}, {-24, -3}, {-13, 8}, {-7, 23}, {-6.5, 39}, {-11, 55}, {-19, 68}},
		stray:  1.7, shift: 1.6, trim: [2]float64{0.03, 0.16}, width: 0.37, depth: 0.84, fork: 0.35,
	},
}

// creases are all lines on the skin, with what the skin does at them.
type creases struct {
	lines []stroke
	life  []Point // the course of the life line, which bounds the thenar
}

func newCreases(p *person, o *outline, k kin) *creases {
	c := &creases{}
	rng := k.own
	courses := principalCourses(p, k)
	c.life = courses[2]
	for i, pts := range courses {
		c.addPrincipal(rng, p, pts, &principals[i])
	}
	c.addMinor(rng, p, k)
	c.addWrinkles(rng, p)
	c.addJoints(rng, p, o)
	return c
}

// principalCourses draws the three courses. In a few hands heart and head are
// one line across the palm (simian crease); in some the head line starts
// apart from the life line.
func principalCourses(p *person, k kin) [3][]Point {
	var out [3][]Point
	start := Point{k.norm() * 1.2, k.norm() * 2.6}
	apart := max(0, k.norm()*2.2-1.2)
	simian := k.own.Float64() < 0.025
	for i := range principals {
		q := &principals[i]
		pts := strayed(q, k)
		if i > 0 {
			// Head and life line leave the edge together, or nearly so.
			join := start
			if i == 1 {
				join.Y -= apart
			}
			pts[0] = q.course[0].add(join)
			pts[1] = pts[1].add(join.times(0.5))
		}
		if simian && i == 1 {
			pts = []Point{pts[0], pts[1], {-8, -5.5}, {8, -7}, {24, -7.5}, {40, -6}}
		}
		for j := range pts {
			pts[j] = pts[j].times(p.scale)
		}
		curve := through(pts, 0.6)
		out[i] = trimmed(curve, q.trim[0]*k.own.Float64(), q.trim[1]*k.own.Float64())
		meander(k.own, out[i])
	}
	if simian {
		out[0] = out[0][len(out[0])/2:]
	}
	return out
}

// strayed moves the control points across the line, neighbours together.
func strayed(q *principal, k kin) []Point {
	n := len(q.course)
	pts := make([]Point, n)
	shift := k.norm() * q.shift
	turn := k.norm() * q.shift * 0.9
	prev := k.norm()
	for j := range pts {
		prev = 0.55*prev + 0.835*k.norm()
		t := 2*float64(j)/float64(n-1) - 1
		normal := heading(q.course, j).turn()
		pts[j] = q.course[j].add(normal.times(shift + turn*t + q.stray*prev*(0.6+0.4*math.Abs(t))))
	}
	return pts
}

// trimmed cuts shares of a curve from its ends.
func trimmed(p []Point, a, b float64) []Point {
	n := float64(len(p))
	return p[int(a*n):max(int((1-b)*n), int(a*n)+3)]
}

// meander lets a line wander by tenths of a millimetre.
func meander(rng *rand.Rand, p []Point) {
	slow, quick := newWave(rng, 8), newWave(rng, 2.3)
	s := arc(p)
	moved := make([]Point, len(p))
	for i := range p {
		moved[i] = p[i].add(heading(p, i).turn().times(0.5*slow.at(s[i]) + 0.12*quick.at(s[i])))
	}
	copy(p, moved)
}

// addPrincipal draws a line, the thinner strands that run beside it, its
// fork, and the small lines that leave it.
func (c *creases) addPrincipal(rng *rand.Rand, p *person, pts []Point, q *principal) {
	depth := q.depth * clamp(0.55+0.45*p.depth, 0.4, 1.25) * clamp(normal(rng, 1, 0.14), 0.6, 1.3)
	width := q.width * math.Exp(normal(rng, 0, 0.2))
	c.lines = append(c.lines, strand(rng, pts, width, depth))
	for range 1 + rng.IntN(3) {
		a := rng.Float64() * 0.7
		part := trimmed(pts, a, max(0, 0.75-a)*rng.Float64())
		off := normal(rng, 0, 1.1)
		side := make([]Point, len(part))
		for i := range part {
			t := float64(i) / float64(len(part))
			side[i] = part[i].add(heading(part, i).turn().times(off * (0.3 + 0.7*math.Sin(math.Pi*t))))
		}
		meander(rng, side)
		c.lines = append(c.lines, strand(rng, side, width*0.6, depth*uniform(rng, 0.25, 0.7)))
	}
	if rng.Float64() < q.fork {
		c.addBranch(rng, pts, len(pts)-1-rng.IntN(len(pts)/4), uniform(rng, 8, 22)*p.scale, width*0.8, depth*0.7)
	}
	for range 3 + rng.IntN(int(4+5*p.lines)) {
		c.addBranch(rng, pts, rng.IntN(len(pts)-2), uniform(rng, 3, 13)*p.scale, width*0.5, depth*uniform(rng, 0.2, 0.55))
	}
}

// addBranch draws a line that leaves another at a sharp angle.
func (c *creases) addBranch(rng *rand.Rand, pts []Point, at int, length, width, depth float64) {
	dir := heading(pts, at)
	angle := uniform(rng, 14, 48) * radian
	if rng.IntN(2) == 0 {
		angle = -angle
	}
	if rng.IntN(3) == 0 {
		dir = dir.times(-1)
	}
	line := bow(pts[at], dir.rotated(Point{}, angle), length, normal(rng, 0, 0.012)-angle*0.01)
	c.lines = append(c.lines, strand(rng, line, width, depth))
}

// bow is a line from a point in a direction, bent by a curvature (1/mm).
func bow(from, dir Point, length, curvature float64) []Point {
	const step = 0.7
	n := max(int(length/step), 3)
	pts := make([]Point, n+1)
	pts[0] = from
	for i := range n {
		dir = dir.rotated(Point{}, curvature*step)
		pts[i+1] = pts[i].add(dir.times(length / float64(n)))
	}
	return pts
}
