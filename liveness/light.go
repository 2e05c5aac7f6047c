package liveness

import (
	"errors"
	"math"

	"volar/wire"
)

// cell is a place of the palm, 8 by 8 pixels of the crop, under every light.
type cell struct {
	at     vec              // mm, on the palm's plane
	u, v   float64          // on the crop, -1 to 1
	given  [3][4]float64    // light that each lamp of a bank (white, 850, 940) throws on the plane there
	slope  [3][4][2]float64 // logarithmic change of it as the skin leans towards x and towards y, a radian
	full   [3]float64       // light given back under white (in green), 850 and 940, in units of the card
	redder float64          // red over green under white lamps, 0 where red is burnt out under all
	bluer  float64          // blue over green, 0 where blue is burnt out
	flash  [2][wire.FlashCount]float64
	single [2][4]float64 // by corner: its share of the light of all four, as measured
	expect [2][4]float64 // and as a flat matt thing would have it
}

// The banks of lamps.
const (
	white = iota
	at850
	at940
)

// light fills in the cells and what follows from them.
func (s *scene) light() error {
	p := s.Proof
	o, x, y := point(p.Place[0]), point(p.Place[1]), point(p.Place[2])
	x, y = x.sub(o).times(1./wire.Side), y.sub(o).times(1./wire.Side)
	n := x.cross(y).unit()
	if n.z > 0 {
		n = n.times(-1)
	}
	if !(o.z > 10 && o.z < 1000 && x.norm() > 0.1 && y.norm() > 0.1 && -n.z > 0.3) {
		return errors.New("liveness: the palm is nowhere that a palm can be")
	}
	var card [3]float64
	for b := range card {
		for c := range 4 {
			s.mean += lampAt(p, b, c).x / 12
		}
	}
	for b := range card {
		for c := range 4 {
			card[b] += lampLight(lampAt(p, b, c), vec{s.mean, 0, 100}, vec{z: -1})
		}
	}
	for i := range cellCount {
		if !s.skinAt(i) {
			continue
		}
		middle := func(k int) float64 { return float64(k*cellSide) + cellSide/2 - 0.5 }
		c := cell{at: o.add(x.times(middle(i % wire.Cells))).add(y.times(middle(i / wire.Cells)))}
		c.u, c.v = middle(i%wire.Cells)*2/wire.Side-1, middle(i/wire.Cells)*2/wire.Side-1
		if c.read(p, i, s.flashes) {
			c.lit(p, n, x.unit(), y.unit(), card)
			s.cells = append(s.cells, c)
		}
	}
	if float64(len(s.cells)) < fewest*cellCount {
		return errors.New("liveness: too little of the palm can be seen under every light")
	}
	s.drift = s.drifted()
	for i := range s.cells {
		s.cells[i].share(s)
	}
	s.bent = [2]bending{s.bend(nir), s.bend(rgb)}
	return nil
}

// skinAt tells whether all of a cell is skin in both views.
func (s *scene) skinAt(i int) bool {
	x, y := 2*(i%wire.Cells), 2*(i/wire.Cells)
	for k := range 4 {
		m := (y+k/2)*maskSide + x + k%2
		if s.RGBMask[m/8]&s.NIRMask[m/8]&(1<<(m%8)) == 0 {
			return false
		}
	}
	return true
}

// read takes a cell's light from the planes. It is false where the cell is
// burnt out, or dark under all lamps. Red burns out first on skin, so green
// speaks for the RGB camera.
func (c *cell) read(p *wire.Proof, i int, flashes [wire.FlashCount]wire.Flash) bool {
	ok := true
	at := func(plane int) float64 {
		v := p.Planes[plane*cellCount+i]
		ok = ok && v != math.MaxUint16
		return float64(v) / wire.PlaneUnit
	}
	c.full = [3]float64{at(wire.PlaneWhite + 1), at(wire.Plane850), at(wire.Plane940)}
	for k := range flashes {
		c.flash[nir][k] = at(wire.PlaneNIRFlash + k)
		c.flash[rgb][k] = at(wire.PlaneRGBFlash + 2*k + 1)
	}
	c.bluer = ratio(p.Plane(wire.PlaneWhite + 2)[i], p.Plane(wire.PlaneWhite + 1)[i])
	c.redder = ratio(p.Plane(wire.PlaneWhite)[i], p.Plane(wire.PlaneWhite + 1)[i])
	for k := 0; k < wire.FlashCount && c.redder == 0; k++ {
		c.redder = ratio(p.Plane(wire.PlaneRGBFlash + 2*k)[i], p.Plane(wire.PlaneRGBFlash + 2*k + 1)[i])
	}
	return ok && c.full[white] > 0 && c.full[at850] > 0 && c.full[at940] > 0
}

// ratio is 0 where either is burnt out or dark.
func ratio(colour, green uint16) float64 {
	if colour == math.MaxUint16 || green == math.MaxUint16 || green == 0 {
		return 0
	}
	return float64(colour) / float64(green)
}

// lit works out what the lamps throw on the cell.
func (c *cell) lit(p *wire.Proof, n, tx, ty vec, card [3]float64) {
	for b := range card {
		for k := range 4 {
			l := lampAt(p, b, k)
			c.given[b][k] = lampLight(l, c.at, n) / card[b]
			// Lambert's cosine is the normal's product with the direction to the
			// lamp, so this is how its logarithm changes as the normal leans.
			d := l.sub(c.at)
			facing := max(n.dot(d), 0.05*d.norm())
			c.slope[b][k] = [2]float64{tx.dot(d) / facing, ty.dot(d) / facing}
		}
	}
}

// all is what the four lamps of a bank throw on the cell together.
func (c *cell) all(bank int) float64 {
	return c.given[bank][0] + c.given[bank][1] + c.given[bank][2] + c.given[bank][3]
}

// bankOf is the bank that a camera answers a flash with.
func bankOf(camera int, f wire.Flash) int {
	switch {
	case camera == rgb:
		return white
	case f.At940:
		return at940
	}
	return at850
}

// flat is the share of a bank's light that a flash throws on the cell.
func (c *cell) flat(bank int, f wire.Flash) float64 {
	sum := 0.0
	for k := range 4 {
		if f.Corners>>k&1 != 0 {
			sum += c.given[bank][k]
		}
	}
	return sum / c.all(bank) * float64(f.Quarters) / 4
}

// erring is by how much the plane that parallax shows may be tilted wrongly,
// radians. More than that is light from elsewhere.
const erring = 0.12

// asked is flat for cell i as it was found to lean and to mirror.
func (c *cell) asked(s *scene, camera, i int, f wire.Flash) float64 {
	bank, bent := bankOf(camera, f), &s.bent[camera]
	x, y := bent.lean[i][0], bent.lean[i][1]
	if n := math.Hypot(bent.tilt[0], bent.tilt[1]); n > 0 {
		x += bent.tilt[0] * min(n, erring) / n
		y += bent.tilt[1] * min(n, erring) / n
	}
	some, all := 0.0, 0.0
	for flash, g := range s.flashes {
		k, _ := g.Alone()
		v := c.given[bank][k] * math.Exp(c.slope[bank][k][0]*x+c.slope[bank][k][1]*y+bent.mirror[i][flash])
		all += v
		if f.Corners>>k&1 != 0 {
			some += v
		}
	}
	return some / all * float64(f.Quarters) / 4
}

// answered is the share that came back.
func (c *cell) answered(camera, k int, f wire.Flash) float64 {
	return c.flash[camera][k] / c.full[bankOf(camera, f)]
}

// share works out what each corner alone gives: what was measured, or what
// was missing under the three others.
func (c *cell) share(s *scene) {
	for camera := range 2 {
		for k, f := range s.flashes {
			corner, lit := f.Alone()
			got := c.answered(camera, k, f) * math.Exp(-s.drift*s.after(k)) * 4 / float64(f.Quarters)
			if !lit {
				got = 1 - got
			}
			c.single[camera][corner] = got
			b := bankOf(camera, f)
			c.expect[camera][corner] = c.given[b][corner] / c.all(b)
		}
	}
}

// after is how many seconds after the shot at 850 nm a flash came.
func (s *scene) after(k int) float64 { return float64(s.Proof.Track[1+k].After) / 1e4 }

// drifted is by how much the light grew a second, which it does when the palm
// comes nearer: a straight line through what the flashes gave more than they should, as far as a hand can move.
func (s *scene) drifted() float64 {
	const most = 1.2 // 50 mm a second at 80 mm
	var num, den float64
	for camera := range 2 {
		for k, f := range s.flashes {
			b, sum := bankOf(camera, f), 0.0
			for i := range s.cells {
				c := &s.cells[i]
				sum += math.Log(max(c.answered(camera, k, f), 1e-3) / c.flat(b, f))
			}
			num += sum / float64(len(s.cells)) * s.after(k)
			den += s.after(k) * s.after(k)
		}
	}
	return max(-most, min(most, num/den))
}

// lampLight is the light that a lamp, which looks along z, throws on a
// surface at a place with a normal: inverse square, the cosine by which a bare
// diode fades to the side, and Lambert's cosine at the surface, the latter not
// under a twentieth.
func lampLight(lamp, at, n vec) float64 {
	d := lamp.sub(at)
	r := d.norm()
	return max(-d.z/r, 0.01) * max(n.dot(d)/r, 0.05) / (r * r)
}

func lampAt(p *wire.Proof, bank, corner int) vec {
	l := p.Lamps[bank][corner]
	return vec{float64(l[0]) / 10, float64(l[1]) / 10, 0}
}

func point(p [3]int16) vec { return vec{float64(p[0]) / 10, float64(p[1]) / 10, float64(p[2]) / 10} }

// vec is a place or a direction in the NIR camera's frame, mm.
type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec       { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec       { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) times(s float64) vec { return vec{a.x * s, a.y * s, a.z * s} }
func (a vec) dot(b vec) float64   { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) norm() float64       { return math.Sqrt(a.dot(a)) }
func (a vec) unit() vec           { return a.times(1 / a.norm()) }
func (a vec) cross(b vec) vec {
	return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x}
}
