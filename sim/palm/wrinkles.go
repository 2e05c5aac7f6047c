package palm

import (
	"math"
	"math/rand/v2"
)

// minor is a line that some hands have besides the principal ones, at scale one.
type minor struct {
	course      []Point
	probability float64
	depth       float64
}

var minors = []minor{
	{[]Point{{2, 60}, {4, 40}, {5, 18}, {1, -4}, {-1, -24}}, 0.55, 0.45}, // fate
	{[]Point{{17, 34}, {18, 12}, {17, -6}, {16, -22}}, 0.4, 0.32},        // sun
	{[]Point{{4, 58}, {16, 38}, {26, 18}, {33, -2}}, 0.35, 0.34},         // health
	{[]Point{{-9, -32}, {-1, -25}, {10, -24}, {19, -30}}, 0.35, 0.3},     // girdle
	{[]Point{{-31, 2}, {-20, 14}, {-15, 30}, {-18, 46}}, 0.45, 0.4},      // beside the life line
	{[]Point{{45, 12}, {34, 14}, {24, 20}}, 0.5, 0.34},                   // across the hypothenar
	{[]Point{{44, 30}, {32, 34}, {20, 44}}, 0.45, 0.32},                  // the same, lower
	{[]Point{{-30, -22}, {-20, -20}, {-9, -24}}, 0.35, 0.28},             // below the index finger
	{[]Point{{-27, 12}, {-12, 20}, {6, 24}, {22, 34}}, 0.3, 0.3},         // across the hollow
	{[]Point{{-38, 16}, {-26, 22}, {-14, 30}}, 0.4, 0.3},                 // across the thenar
	{[]Point{{41, -15}, {34, -15}, {28, -17}}, 0.4, 0.3},                 // below the little finger
	{[]Point{{-22, -4}, {-10, -12}, {2, -26}}, 0.3, 0.3},                 // head to middle finger
	{[]Point{{-10, 48}, {6, 44}, {22, 50}}, 0.25, 0.25},                  // above the wrist
}

// addMinor draws the lines that not every hand has.
func (c *creases) addMinor(rng *rand.Rand, p *person, k kin) {
	for i := range minors {
		m := &minors[i]
		if 0.6*k.own.Float64()+0.4*k.shared.Float64() > m.probability*clamp(0.6+0.4*p.lines, 0.5, 1.5) {
			continue
		}
		q := &principal{course: m.course, stray: 2.6, shift: 3}
		pts := strayed(q, k)
		for j := range pts {
			pts[j] = pts[j].times(p.scale)
		}
		line := trimmed(through(pts, 0.7), 0.3*rng.Float64(), 0.4*rng.Float64())
		meander(rng, line)
		c.lines = append(c.lines, strand(rng, line, uniform(rng, 0.2, 0.36), m.depth*p.depth*uniform(rng, 0.6, 1.3)))
		if rng.IntN(2) == 0 {
			c.addBranch(rng, line, rng.IntN(len(line)-2), uniform(rng, 4, 12), 0.2, m.depth*0.6)
		}
	}
}

// field is a part of the palm with its own way of wrinkling.
type field struct {
	centre Point
	radius Point   // of the ellipse
	angle  float64 // usual direction of its lines, degrees from x towards y
	spread float64 // degrees between lines of a hand
	vary   float64 // degrees between hands
	second int     // lines of the second order
	third  int     // lines of the third order
	length float64 // of a third-order line, mm
}

var fields = []field{
	{Point{-29, 24}, Point{15, 28}, 35, 9, 15, 5, 48, 8},  // thenar, outwards
	{Point{-27, 26}, Point{14, 26}, -52, 9, 15, 4, 26, 7}, // thenar, across that
	{Point{33, 24}, Point{13, 28}, 12, 14, 14, 5, 34, 8},  // hypothenar
	{Point{30, 44}, Point{13, 18}, 55, 14, 18, 2, 16, 6},  // hypothenar near the wrist
	{Point{7, 14}, Point{15, 22}, 72, 15, 14, 5, 26, 9},   // hollow, along the hand
	{Point{6, 6}, Point{18, 18}, -30, 15, 18, 4, 18, 7},   // hollow, across
	{Point{-22, -22}, Point{8, 10}, 80, 14, 14, 2, 14, 6}, // below the index finger
	{Point{-2, -24}, Point{8, 9}, 88, 13, 12, 3, 14, 6},   // below the middle finger
	{Point{18, -20}, Point{8, 9}, 95, 13, 12, 3, 14, 6},   // below the ring finger
	{Point{35, -12}, Point{7, 8}, 105, 14, 14, 2, 12, 6},  // below the little finger
	{Point{4, 0}, Point{40, 40}, 40, 60, 30, 4, 40, 5},    // anywhere
}

// addWrinkles draws the lines of second and third order.
func (c *creases) addWrinkles(rng *rand.Rand, p *person) {
	for i := range fields {
		f := &fields[i]
		usual := f.angle + normal(rng, 0, f.vary)
		crowd := p.lines * math.Exp(normal(rng, 0, 0.45))
		for range count(rng, float64(f.second)*crowd) {
			length := uniform(rng, 9, 30)
			c.addWrinkle(rng, p, f, usual, length, uniform(rng, 0.2, 0.36), uniform(rng, 0.16, 0.42))
		}
		for range count(rng, 1.5*float64(f.third)*crowd) {
			length := 1.3 * f.length * math.Exp(normal(rng, 0, 0.5))
			depth := 0.06 + 0.26*rng.Float64()*rng.Float64()
			c.addWrinkle(rng, p, f, usual, length, uniform(rng, 0.11, 0.2), depth)
		}
	}
}

func (c *creases) addWrinkle(rng *rand.Rand, p *person, f *field, usual, length, width, depth float64) {
	r, a := math.Sqrt(rng.Float64()), uniform(rng, 0, 2*math.Pi)
	at := Point{f.centre.X + f.radius.X*r*math.Cos(a), f.centre.Y + f.radius.Y*r*math.Sin(a)}
	angle := (usual + normal(rng, 0, f.spread)) * radian
	dir := Point{math.Cos(angle), math.Sin(angle)}
	length *= p.scale
	from := at.times(p.scale).sub(dir.times(length / 2))
	line := bow(from, dir, length, normal(rng, 0, 0.014))
	c.lines = append(c.lines, strand(rng, line, width, depth*clamp(0.5+0.5*p.depth, 0.4, 1.3)))
}

// count rounds a mean to an integer so that the mean stays.
func count(rng *rand.Rand, mean float64) int { return int(mean + rng.Float64()) }

// addJoints draws the creases across the fingers, the thumb and the wrist.
func (c *creases) addJoints(rng *rand.Rand, p *person, o *outline) {
	for i := range o.fingers {
		d := &o.fingers[i]
		base := d.joints[0].add(d.dir.times((fingerPlans[i].root + 3) * p.scale))
		c.acrossDigit(rng, base, d.dir, d.radius[1], 2, 0.6)
		for k, strength := range []float64{0.75, 0.55} {
			dir := d.joints[k+2].sub(d.joints[k]).unit()
			c.acrossDigit(rng, d.joints[k+1], dir, d.radius[2*k+2], 2-k, strength)
		}
	}
	t := &o.thumb
	for k, strength := range []float64{0.4, 0.6} {
		c.acrossDigit(rng, t.joints[k+1], t.joints[k+2].sub(t.joints[k]).unit(), t.radius[2*k+2], 2, strength)
	}
	for k := range 2 {
		y := (wrist + 4 - 5*float64(k)) * p.scale
		c.acrossDigit(rng, Point{0, y}, Point{0, -1}, 29*p.scale, 1, 0.5-0.2*float64(k))
	}
}

// acrossDigit draws n lines across a digit at a point, and finer ones near.
func (c *creases) acrossDigit(rng *rand.Rand, at, dir Point, radius float64, n int, strength float64) {
	side := dir.turn()
	draw := func(shift, reach, width, depth float64) {
		bend := normal(rng, 0, 0.8)
		tilt := normal(rng, 0, 0.07)
		var pts []Point
		for t := -1.0; t <= 1.001; t += 0.25 {
			pts = append(pts, at.add(side.times(t*reach)).add(dir.times(shift+bend*(t*t-0.5)+tilt*t*reach+normal(rng, 0, 0.15))))
		}
		c.lines = append(c.lines, strand(rng, through(pts, 0.7), width, depth))
	}
	for k := range n {
		draw(2.4*(float64(k)-float64(n-1)/2)+normal(rng, 0, 0.4), radius*1.05, uniform(rng, 0.3, 0.42), strength*uniform(rng, 0.7, 1.1))
	}
	for range 4 {
		draw(normal(rng, 0, 3), radius*uniform(rng, 0.3, 0.8), uniform(rng, 0.14, 0.22), strength*uniform(rng, 0.15, 0.4))
	}
}
