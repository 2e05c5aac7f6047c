package palm

import (
	"math"

	"volar/hal"
)

// background is what a camera sees of the room, for one millisecond of
// exposure: a dim ceiling far beyond the hand, with lamps out of focus. The
// lamps are LEDs, which the NIR camera does not see.
type background struct {
	plane plane
}

func newBackground(room Room, band hal.Band, in hal.Intrinsics) *background {
	rng := newRand(room.Seed, uint64(band), 'r')
	n := 1
	if band == hal.RGB {
		n = 3
	}
	b := &background{plane{w: in.Width, h: in.Height, n: n, v: make([]float32, in.Width*in.Height*n)}}
	shared := newRand(room.Seed, 'l')
	type lampSpot struct{ x, y, rx, ry, power float64 }
	var lamps []lampSpot
	for range 1 + shared.IntN(3) {
		lamps = append(lamps, lampSpot{
			uniform(shared, -0.1, 1.1) * float64(in.Width), uniform(shared, -0.1, 1.1) * float64(in.Height),
			uniform(shared, 18, 60), uniform(shared, 10, 30), uniform(shared, 0.05, 0.25),
		})
	}
	gx, gy := normal(rng, 0, 0.3), normal(rng, 0, 0.3)
	warm := [3]float64{1.06, 1, 0.88}
	for y := range in.Height {
		for x := range in.Width {
			fx, fy := float64(x)/float64(in.Width)-0.5, float64(y)/float64(in.Height)-0.5
			slope := 1 + gx*fx + gy*fy
			if band == hal.NIR {
				b.plane.v[y*in.Width+x] = float32(0.0016 * room.NIR * slope)
				continue
			}
			v := 0.006 * slope
			for _, l := range lamps {
				dx, dy := (float64(x)-l.x)/l.rx, (float64(y)-l.y)/l.ry
				q := dx*dx*dx*dx + dy*dy*dy*dy
				if q < 6 {
					v += l.power * math.Exp(-q)
				}
			}
			for c := range 3 {
				b.plane.v[(y*in.Width+x)*3+c] = float32(v * room.White * warm[c])
			}
		}
	}
	return b
}

// draw fills an image of the same or of half the size.
func (b *background) draw(p *plane, ms float64) {
	k := float32(ms)
	if p.w == b.plane.w {
		for i, v := range b.plane.v {
			p.v[i] = k * v
		}
		return
	}
	for y := range p.h {
		src := b.plane.v[2*y*b.plane.w*p.n:]
		dst := p.v[y*p.w*p.n:][:p.w*p.n]
		for x := range p.w {
			for c := range p.n {
				dst[x*p.n+c] = k * src[2*x*p.n+c]
			}
		}
	}
}

// ambientShare is the light that the room sends onto a palm that faces down,
// share of full scale per millisecond from a white surface.
func ambientShare(room Room, band hal.Band) float64 {
	if band == hal.RGB {
		return 0.006 * room.White
	}
	return 0.0012 * room.NIR
}
