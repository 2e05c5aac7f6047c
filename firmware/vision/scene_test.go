package vision

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"volar/hal"
	"volar/wire"
)

// scene draws a hand of which every measure is known: a mitten in the plane
// of the palm (mm; left hand; x from index to little finger, y to the wrist)
// from which three slots are cut, so that the roots of the slots are the true valleys.
type scene struct {
	hand     wire.Hand
	at       vec     // middle of the outer valleys, mm in the NIR camera's frame
	turn     float64 // degrees: 0 points the fingers up in the picture
	tilt     vec     // degrees about the camera's x and y
	cup      float64 // mm by which the palm's rim stands nearer than its middle
	velocity vec     // mm/s
	closed   bool    // fingers together
	thumbOff bool    // no thumb in view
	slot     float64 // half the width of a gap at its root, mm
	glow     float64 // light that the fingers throw into the gaps, 1 is as bright as skin
	touch    bool    // the fingers touch a little above the roots of their gaps
	size     float64 // 1 is a hand with 46 mm between the outer valleys
	noise    float64 // of 1023
	seed     uint64
	grain    *grain
	cal      hal.Calibration
}

func testCalibration() hal.Calibration {
	k := hal.Intrinsics{Width: 640, Height: 480, Fx: 295, Fy: 295, Cx: 319.5, Cy: 239.5}
	rgb := k
	rgb.Cx, rgb.Cy, rgb.Fx, rgb.Fy = 324, 236, 301, 301
	c, s := math.Cos(0.02), math.Sin(0.02)
	return hal.Calibration{NIR: k, RGB: rgb, R: [9]float64{c, 0, s, 0, 1, 0, -s, 0, c}, T: [3]float64{-25, 0.5, 0.3}, MaxSkew: 4 * time.Millisecond}
}

func newScene(seed uint64) *scene {
	return &scene{hand: wire.Left, at: vec{0, -12, 80}, slot: 2, size: 1, noise: 3, seed: seed, grain: newGrain(seed), cal: testCalibration()}
}

// The slots' roots, mm.
var roots = [3]Point{{-22.5, -1.5}, {0.5, -5}, {22.5, 7}}

// grain is the skin's pattern: lines common to both bands, and veins.
type grain struct{ lines, veins []float64 }

const (
	grainStep = 0.4 // mm
	grainW    = 300 // 120 mm
	grainH    = 400 // 160 mm
)

func newGrain(seed uint64) *grain {
	r := rand.New(rand.NewPCG(seed, 7))
	g := &grain{make([]float64, grainW*grainH), make([]float64, grainW*grainH)}
	stroke := func(into []float64, n int, width, depth float64) {
		for range n {
			x, y, a := r.Float64()*grainW, r.Float64()*grainH, r.Float64()*2*math.Pi
			bend := r.NormFloat64() * 0.01
			for range 60 + r.IntN(120) {
				a += bend
				x, y = x+math.Cos(a), y+math.Sin(a)
				w := int(3 * width)
				for dy := -w; dy <= w; dy++ {
					for dx := -w; dx <= w; dx++ {
						px, py := int(x)+dx, int(y)+dy
						if px < 0 || py < 0 || px >= grainW || py >= grainH {
							continue
						}
						d := square(float64(px)-x) + square(float64(py)-y)
						i := py*grainW + px
						into[i] = max(into[i], depth*math.Exp(-d/(2*width*width)))
					}
				}
			}
		}
	}
	stroke(g.lines, 10, 2, 0.35)
	stroke(g.lines, 90, 1, 0.2)
	stroke(g.veins, 14, 4, 0.3)
	return g
}

func (g *grain) at(layer []float64, x, y float64) float64 {
	u, v := (x+60)/grainStep, (y+60)/grainStep
	i, j := int(u), int(v)
	if i < 0 || j < 0 || i >= grainW-1 || j >= grainH-1 {
		return 0
	}
	fu, fv := u-float64(i), v-float64(j)
	p := layer[j*grainW+i:]
	return (p[0]*(1-fu)+p[1]*fu)*(1-fv) + (p[grainW]*(1-fu)+p[grainW+1]*fu)*fv
}

// lean is where the fingers point.
var lean = Point{-0.13, -1}.unit()

// gap tells whether (x, y) mm lies between two fingers.
func (s *scene) gap(p Point) bool {
	for i, v := range roots {
		fan := lean.towards(Point{1, 0}, 0.12*float64(i-1)).unit()
		d := p.sub(v)
		along := d.dot(fan)
		r := s.slot + 0.025*s.slot*max(along, 0)
		if s.touch && along > 17 && along < 24 {
			continue
		}
		if along > 0 && math.Abs(d.cross(fan)) < r && along < 120 || d.towards(fan, -r).norm() < r {
			return !s.closed
		}
	}
	return false
}

// skin tells whether the plane shows the hand at (x, y) mm, left hand.
func (s *scene) skin(p Point) bool {
	if s.gap(p) {
		return false
	}
	if !s.thumbOff && capsule(p, Point{-25, 62}, Point{-72, 14}, 11) {
		return true
	}
	up := -p.Y
	switch {
	case up > 0: // fingers: the envelope of four
		tip := 78 - square(p.X+8)/28
		q := p.towards(lean, -up)
		return q.X > -42 && q.X < 44 && up < tip
	case up > -95:
		return p.X > -42+0.04*max(-up-40, 0) && p.X < 44-0.12*max(-up-30, 0)
	}
	return p.X > -30 && p.X < 30 // the wrist goes on
}

func capsule(p, a, b Point, r float64) bool {
	ab := b.sub(a)
	t := max(0, min(1, p.sub(a).dot(ab)/ab.dot(ab)))
	return p.sub(a.towards(ab, t)).norm() < r
}

// axes are the palm frame's x, y and normal at time t, and its origin.
func (s *scene) axes(t time.Duration) (x, y, n, o vec) {
	turn := s.turn * math.Pi / 180
	x, y = vec{math.Cos(turn), math.Sin(turn), 0}, vec{-math.Sin(turn), math.Cos(turn), 0}
	if s.hand == wire.Right {
		x = x.times(-1)
	}
	for i, deg := range s.tilt[:2] {
		x, y = rotate(x, i, deg), rotate(y, i, deg)
	}
	n = x.cross(y).unit()
	if n[2] < 0 {
		n = n.times(-1)
	}
	mid := roots[0].add(roots[2]).times(0.5)
	o = s.at.add(s.velocity.times(t.Seconds())).sub(x.times(mid.X * s.size)).sub(y.times(mid.Y * s.size))
	return x, y, n, o
}

func rotate(v vec, axis int, deg float64) vec {
	a := deg * math.Pi / 180
	c, si := math.Cos(a), math.Sin(a)
	j, k := (axis+1)%3, (axis+2)%3
	out := v
	out[j], out[k] = c*v[j]-si*v[k], si*v[j]+c*v[k]
	return out
}

// shoot renders both cameras under one light.
func (s *scene) shoot(light hal.Light, at time.Duration) hal.Shot {
	nir := hal.Frame{Band: hal.NIR, Format: hal.Y10, Width: 640, Height: 480, Stride: 1280, Pix: make([]byte, 1280*480), At: at}
	rgb := hal.Frame{Band: hal.RGB, Format: hal.RGB24, Width: 640, Height: 480, Stride: 1920, Pix: make([]byte, 1920*480), At: at}
	r := rand.New(rand.NewPCG(s.seed, uint64(at)))
	var seen []float64
	if light&(hal.NIR850|hal.NIR940) != 0 {
		seen = s.render(at, s.cal.NIR, [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, vec{}, true)
	}
	for i := range 640 * 480 {
		v := 20 + s.noise*r.NormFloat64()
		if seen != nil {
			v += 800 * seen[i]
		}
		binary.LittleEndian.PutUint16(nir.Pix[2*i:], uint16(clamp(v-511.5, 511.5)+511.5))
	}
	seen = nil
	if light&hal.White != 0 {
		seen = s.render(at, s.cal.RGB, s.cal.R, vec(s.cal.T), false)
	}
	for i := range 640 * 480 {
		for c, tone := range []float64{210, 150, 120} {
			v := 8 + s.noise/4*r.NormFloat64()
			if seen != nil {
				v += tone * seen[i]
			}
			rgb.Pix[3*i+c] = byte(clamp(v-127.5, 127.5) + 127.5)
		}
	}
	return hal.Shot{RGB: rgb, NIR: nir, Light: light}
}

// render is what a camera at R p + T sees, 0 to 1.
func (s *scene) render(at time.Duration, k hal.Intrinsics, r [9]float64, t vec, nir bool) []float64 {
	x, y, n, o := s.axes(at)
	out := make([]float64, k.Width*k.Height)
	turnBack := func(v vec) vec {
		return vec{r[0]*v[0] + r[3]*v[1] + r[6]*v[2], r[1]*v[0] + r[4]*v[1] + r[7]*v[2], r[2]*v[0] + r[5]*v[1] + r[8]*v[2]}
	}
	eye := turnBack(t).times(-1)
	for i := range out {
		ray := turnBack(vec{(float64(i%k.Width) - k.Cx) / k.Fx, (float64(i/k.Width) - k.Cy) / k.Fy, 1})
		var p Point
		var hit vec
		rise := 0.0
		for range 3 {
			d := o.sub(n.times(rise)).sub(eye).dot(n) / ray.dot(n)
			hit = eye.add(ray.times(d))
			q := hit.sub(o)
			p = Point{q.dot(x) / s.size, q.dot(y) / s.size}
			rise = s.cup * (square(p.X) + square(p.Y-40)) / square(45)
			rise = min(rise, 2*s.cup)
		}
		if hit[2] <= 1 || !s.skin(p) {
			if s.gap(p) && p.Y > -70 {
				out[i] = s.glow
			}
			continue
		}
		v := 1 - s.grain.at(s.grain.lines, p.X, p.Y)
		if nir {
			v = 1 - 0.6*s.grain.at(s.grain.lines, p.X, p.Y) - s.grain.at(s.grain.veins, p.X, p.Y)
		}
		out[i] = v * 0.9 * min(square(80)/hit.dot(hit), 1.2)
	}
	return out
}

// burst is the four shots of a wave, 33 ms apart.
func (s *scene) burst() (dark, white, nir850, nir940 hal.Shot) {
	const ms = time.Millisecond
	return s.shoot(0, 0), s.shoot(hal.White, 33*ms), s.shoot(hal.NIR850, 66*ms), s.shoot(hal.NIR940, 99*ms)
}

// valleys is the truth in NIR pixels at time t.
func (s *scene) valleys(t time.Duration) (v [3]Point) {
	x, y, n, o := s.axes(t)
	for i, r := range roots {
		rise := min(s.cup*(square(r.X)+square(r.Y-40))/square(45), 2*s.cup)
		p := o.add(x.times(r.X * s.size)).add(y.times(r.Y * s.size)).sub(n.times(rise))
		v[i] = Point{p[0]/p[2]*s.cal.NIR.Fx + s.cal.NIR.Cx, p[1]/p[2]*s.cal.NIR.Fy + s.cal.NIR.Cy}
	}
	return v
}
