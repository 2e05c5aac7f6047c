package main

import (
	"math"
	"math/rand/v2"

	"volar/wire"
)

// views makes both bands of a palm-like texture: dark lines over slow shading and noise.
// What an extraction costs hardly depends on what it shows.
func views(seed uint64) []wire.View {
	r := rand.New(rand.NewPCG(seed, 3))
	var out []wire.View
	for _, band := range []wire.Band{wire.RGB, wire.NIR} {
		n := band.Channels()
		v := wire.View{Band: band, Pix: make([]byte, wire.Side*wire.Side*n), Mask: make([]byte, wire.MaskBytes)}
		for i := range v.Mask {
			v.Mask[i] = 0xff
		}
		type line struct{ nx, ny, c, bend, width float64 }
		lines := make([]line, 12)
		for i := range lines {
			sin, cos := math.Sincos(math.Pi * r.Float64())
			lines[i] = line{cos, sin, 90 * (r.Float64() - 0.5), 0.004 * (r.Float64() - 0.5), 1.5 + 3*r.Float64()}
		}
		for y := range wire.Side {
			for x := range wire.Side {
				u, w := float64(x)-wire.Side/2, float64(y)-wire.Side/2
				grey := 140 + 20*math.Sin(u/40)*math.Cos(w/50) + 6*r.NormFloat64()
				for _, l := range lines {
					along := u*l.ny - w*l.nx
					d := (u*l.nx + w*l.ny + l.bend*along*along - l.c) / l.width
					grey -= 30 * math.Exp(-d*d/2)
				}
				for c := range n {
					v.Pix[(y*wire.Side+x)*n+c] = byte(max(0, min(255, grey)))
				}
			}
		}
		out = append(out, v)
	}
	return out
}
