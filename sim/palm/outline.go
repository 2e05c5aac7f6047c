package palm

import (
	"math"
	"math/rand/v2"
)

// digit is a finger or the thumb: a chain of bones with a radius at each
// joint and halfway between joints.
type digit struct {
	joints [4]Point   // thumb: CMC, MCP, IP, tip; fingers: MCP, PIP, DIP, tip
	radius [7]float64 // at joint 0, between 0 and 1, at joint 1, ... at joint 3
	dir    Point      // unit vector from joint 0 to joint 1
}

// fingers in the order of everything here.
const (
	index = iota
	middle
	ring
	little
)

// outline is the shape of a hand in the canonical frame.
type outline struct {
	fingers [4]digit
	thumb   digit
	palm    []Point // closed polygon of the palm and forearm
	webs    [3]web
	valleys [3]Point
	bounds  box   // of the hand
	view    box   // what of it is drawn: all of bounds, or the box round square
	square  *quad // of a palm alone: what of view is drawn
	dist    *grid // signed distance to the silhouette within view, mm, negative inside
}

// wrist is where the forearm begins in the canonical frame of scale one;
// below armEnd the texture is mirrored, since an arm goes on for longer than
// any frame.
const (
	wrist  = 74.0
	armEnd = 107.5
)

// fingerPlan is a finger at scale one.
type fingerPlan struct {
	base   Point   // middle of the finger at the level of the webs
	angle  float64 // degrees from straight up, positive to the little finger
	root   float64 // mm from the joint in the palm to base
	length float64 // mm from base to the tip
	parts  [2]float64
	radius [7]float64
}

// web is the fold of skin between two fingers.
type web struct {
	at    Point // its deepest point, the valley
	up    Point // unit vector out between the fingers
	width float64
}

// webPlans are the valleys at scale one.
var webPlans = [3]Point{{-11.9, -35}, {9.2, -35.5}, {28, -25.5}}

var fingerPlans = [4]fingerPlan{
	index:  {Point{-22.6, -33}, -13.5, 21, 69, [2]float64{0.40, 0.72}, [7]float64{10.5, 9.9, 9.4, 8.7, 8.5, 8.0, 6.6}},
	middle: {Point{-1.2, -36}, -2.0, 21, 77, [2]float64{0.41, 0.73}, [7]float64{10.8, 10.1, 9.6, 8.9, 8.6, 8.1, 6.7}},
	ring:   {Point{18.9, -32}, 9.0, 21, 71, [2]float64{0.41, 0.73}, [7]float64{10.3, 9.6, 9.0, 8.3, 8.0, 7.6, 6.3}},
	little: {Point{36.2, -21}, 22.5, 18, 55, [2]float64{0.40, 0.70}, [7]float64{9.2, 8.5, 7.8, 7.2, 7.0, 6.6, 5.5}},
}

var palmPlan = []Point{
	{-31, -31}, {-33.5, -20}, {-35, -8}, {-38.5, 4}, {-44, 18}, {-45.5, 34}, {-41.5, 50}, {-34, 64},
	{-29.5, 74}, {-28.5, 88}, {-29.5, 110}, {-31, 140}, {31, 140}, {29.5, 110}, {29, 88}, {30, 74},
	{36, 60}, {41.5, 42}, {44.5, 22}, {45.5, 4}, {45, -8}, {43, -18}, {36, -18}, {28, -21}, {19, -27},
	{9.5, -30}, {0, -31}, {-11, -31}, {-22, -31},
}

var thumbPlan = [4]Point{{-25, 52}, {-49, 24}, {-67.5, -1}, {-80.5, -23}}
var thumbRadius = [7]float64{17, 15.5, 13, 11.4, 11.2, 10.8, 8.2}

// newOutline draws the shape of a hand; of a palm alone it maps no more than that.
func newOutline(p *person, rng *rand.Rand, alone bool) *outline {
	o := &outline{}
	s := p.scale
	jitter := func(sd float64) float64 { return normal(rng, 0, sd) }
	for i, plan := range fingerPlans {
		o.fingers[i] = newFinger(plan, p, i, jitter)
	}
	for i, at := range webPlans {
		a, b := &o.fingers[i], &o.fingers[i+1]
		o.webs[i] = web{
			at:    at.times(s).add(Point{jitter(0.4), jitter(1.3)}),
			up:    a.dir.add(b.dir).unit(),
			width: (0.9 + math.Abs(jitter(0.5))) * s,
		}
	}
	open := jitter(5) * radian
	for i, q := range thumbPlan {
		if i > 0 {
			q = q.rotated(thumbPlan[0], open)
		}
		o.thumb.joints[i] = q.times(s)
	}
	for i, r := range thumbRadius {
		o.thumb.radius[i] = r * s * (1 + (p.thickness-1)*0.7)
	}
	o.thumb.dir = o.thumb.joints[1].sub(o.thumb.joints[0]).unit()
	breadth := 1 + jitter(0.025)
	for _, q := range palmPlan {
		o.palm = append(o.palm, Point{q.X * s * breadth, q.Y * s}.add(Point{jitter(0.8), jitter(0.6)}))
	}
	o.palm = smoothClosed(o.palm, 4)
	o.bounds = o.box()
	o.view = o.bounds
	if alone {
		o.viewPalm(p.scale)
		return o
	}
	o.dist = newGrid(o.bounds, 1)
	o.dist.fill(o.distance)
	for i := range o.valleys {
		o.valleys[i] = o.valley(i, 1, o.dist.at)
	}
	return o
}

func newFinger(plan fingerPlan, p *person, i int, jitter func(float64) float64) digit {
	var d digit
	s := p.scale
	angle := (plan.angle + jitter(0.8)) * radian
	dir := Point{math.Sin(angle), -math.Cos(angle)}
	base := plan.base.times(s).add(Point{jitter(0.35), jitter(1.2)})
	length := plan.length * s * p.slender * (1 + jitter(0.015))
	d.dir = dir
	d.joints[0] = base.sub(dir.times(plan.root * s))
	d.joints[1] = base.add(dir.times(plan.parts[0] * length))
	// Fingers lean a little towards the middle one at each joint.
	lean := p.fingerBend[i] * radian
	dir = dir.rotated(Point{}, lean)
	d.joints[2] = d.joints[1].add(dir.times((plan.parts[1] - plan.parts[0]) * length))
	dir = dir.rotated(Point{}, lean)
	tip := (1-plan.parts[1])*length - plan.radius[6]*s
	d.joints[3] = d.joints[2].add(dir.times(tip))
	for k, r := range plan.radius {
		d.radius[k] = r * s
		if k > 1 {
			// Where a finger leaves the palm the hand's breadth decides.
			d.radius[k] *= p.thickness
		}
	}
	return d
}

// box holds the silhouette with a margin, cut at the mirrored forearm.
func (o *outline) box() box {
	b := box{x0: 1e9, y0: 1e9, x1: -1e9, y1: armEnd}
	grow := func(q Point, r float64) {
		b.x0, b.x1 = min(b.x0, q.X-r), max(b.x1, q.X+r)
		b.y0 = min(b.y0, q.Y-r)
	}
	for _, d := range append(o.fingers[:], o.thumb) {
		for k, q := range d.joints {
			grow(q, d.radius[2*k]+4)
		}
	}
	for _, q := range o.palm {
		if q.Y < armEnd {
			grow(q, 4)
		}
	}
	// Whole cells of the mesh, so that its rows meet the mirror line.
	b.x0, b.x1 = meshStep*math.Floor(b.x0/meshStep), meshStep*math.Ceil(b.x1/meshStep)
	b.y0 = meshStep * math.Floor(b.y0/meshStep)
	return b
}

// distance is the signed distance to the silhouette; exact far from joins.
func (o *outline) distance(x, y float64) float64 {
	q := Point{x, y}
	d := smoothMin(polygonDistance(o.palm, q), o.thumb.distance(q), 9)
	f := math.Inf(1)
	for i := range o.fingers {
		f = min(f, o.fingers[i].distance(q))
	}
	d = smoothMin(d, f, 3.5)
	for i := range o.webs {
		d = o.webs[i].shape(d, q)
	}
	return d
}

// shape fills the gap between two fingers up to the valley, and opens it
// beyond, however near to each other the fingers leave the palm.
func (w *web) shape(d float64, q Point) float64 {
	r := q.sub(w.at)
	t, off := r.dot(w.up), math.Abs(r.dot(w.up.turn()))
	if t < -12 || t > 40 || off > 14 {
		return d
	}
	const round = 2.2
	fill := math.Hypot(max(off-4, 0), t+round) - round
	d = smoothMin(d, fill, 2)
	gap := w.width + 0.07*t - off
	return -smoothMin(-d, -min(gap, t), 1.6)
}

// distance to the skin of the digit.
func (d *digit) distance(q Point) float64 {
	best := math.Inf(1)
	for k := range 3 {
		a, b := d.joints[k], d.joints[k+1]
		ab := b.sub(a)
		t := clamp(q.sub(a).dot(ab)/ab.dot(ab), 0, 1)
		off := q.sub(a.add(ab.times(t))).norm()
		best = min(best, off-d.width(float64(k)+t))
	}
	return best
}

// width is the radius at a position along the digit, in bones (0 to 3).
func (d *digit) width(t float64) float64 {
	u := clamp(2*t, 0, 5.9999)
	k := int(u)
	f := u - float64(k)
	f = f * f * (3 - 2*f)
	return d.radius[k]*(1-f) + d.radius[k+1]*f
}

// along gives the position along the first bone (mm from the joint) and the
// distance to its axis, signed, positive to the little finger.
func (d *digit) along(q Point) (t, off float64) {
	r := q.sub(d.joints[0])
	return r.dot(d.dir), r.dot(d.dir.turn())
}

// valley finds the deepest point of the gap between fingers i and i+1: down
// the line halfway between them until there is skin.
func (o *outline) valley(i, stride int, dist func(x, y float64) float64) Point {
	a, b := &o.fingers[i], &o.fingers[i+1]
	from := a.joints[1].lerp(b.joints[1], 0.5)
	to := a.joints[0].lerp(b.joints[0], 0.5)
	step := to.sub(from).unit().times(0.1)
	q := from
	across := step.turn().unit()
	for range 600 / stride {
		q = q.add(step.times(float64(stride)))
		// Stay on the ridge of the distance, halfway between the two skins.
		l, r := dist(q.X-across.X, q.Y-across.Y), dist(q.X+across.X, q.Y+across.Y)
		q = q.add(across.times(0.1 * float64(stride) * clamp(r-l, -1, 1)))
		if dist(q.X, q.Y) > 0 {
			continue
		}
		if stride == 1 {
			break
		}
		q, stride = q.sub(step.times(float64(stride))), 1
	}
	return q
}

// smoothMin is the smaller of two distances with the corner between them
// filled over k millimetres (polynomial form).
func smoothMin(a, b, k float64) float64 {
	h := max(k-math.Abs(a-b), 0) / k
	return min(a, b) - h*h*k/4
}

// polygonDistance is the signed distance to a closed polygon.
func polygonDistance(poly []Point, q Point) float64 {
	best := math.Inf(1)
	inside := false
	a := poly[len(poly)-1]
	for _, b := range poly {
		ab, aq := b.sub(a), q.sub(a)
		// A side that begins farther away than the best and its own length has
		// nothing nearer: |aq| > r + |ab| where |aq|² > 2 (r² + |ab|²).
		if long := ab.dot(ab); !(aq.dot(aq) > 2.0001*(best+long)) {
			t := clamp(aq.dot(ab)/long, 0, 1)
			off := aq.sub(ab.times(t))
			if d := off.dot(off); d < best {
				best = d
			}
		}
		if (a.Y > q.Y) != (b.Y > q.Y) && q.X < a.X+ab.X*(q.Y-a.Y)/ab.Y {
			inside = !inside
		}
		a = b
	}
	if inside {
		return -math.Sqrt(best)
	}
	return math.Sqrt(best)
}

// smoothClosed rounds a closed polygon through its points (Catmull-Rom), n
// points for each side.
func smoothClosed(p []Point, n int) []Point {
	var out []Point
	m := len(p)
	for i := range p {
		a, b, c, d := p[(i+m-1)%m], p[i], p[(i+1)%m], p[(i+2)%m]
		for k := range n {
			out = append(out, catmull(a, b, c, d, float64(k)/float64(n)))
		}
	}
	return out
}
