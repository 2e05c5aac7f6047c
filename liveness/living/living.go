// Package living makes samples of palms that live without a camera, by a few
// lines of optics: for tests and benches of what becomes of samples. The
// palms of sim/palm are drawn and cut as a device's are; these only answer
// as such palms do. It also says what a vault cannot know: a device that is
// owned by an attacker can compute such an answer, to any nonce.
package living

import (
	"math"
	"math/rand/v2"

	"volar/wire"
)

// Sample is one wave of a palm that answers a nonce. Equal palms have equal
// lines; another take moves them a little and has other noise.
func Sample(nonce wire.Nonce, hand wire.Hand, palm, take uint64) wire.Sample {
	noise := rand.New(rand.NewPCG(take, palm))
	at := shift{3 * noise.Float64(), 3 * noise.Float64()}
	creases := draw(rand.New(rand.NewPCG(palm, 1)), at, 26, 1.3)
	veins := draw(rand.New(rand.NewPCG(palm, 2)), at, 11, 2.6)
	fine := draw(rand.New(rand.NewPCG(palm, 3)), at, 60, 0.8)
	s := wire.Sample{Nonce: nonce, Hand: hand, Distance: 800, Tilt: 20, Quality: 80, Proof: proof(nonce, take), Views: []wire.View{
		{Band: wire.RGB, Pix: make([]byte, 3*pixels), Mask: whole()}, {Band: wire.NIR, Pix: make([]byte, pixels), Mask: whole()},
	}}
	rgb, nir := s.Views[0].Pix, s.Views[1].Pix
	grain := func() float64 { return 0.012 * noise.NormFloat64() }
	var sum [wire.Side940 * wire.Side940]float64
	for i := range pixels {
		c, v, f := creases[i], veins[i], fine[i]
		for k, level := range [3]float64{200, 135, 120} { // red, green, blue
			rgb[3*i+k] = byte(level * (1 - [3]float64{0.26, 0.3, 0.3}[k]*c - 0.03*v - 0.12*f + grain()))
		}
		nir[i] = byte(185 * (1 - 0.22*c - 0.2*v - 0.03*f + grain()))
		sum[i/wire.Side/2*wire.Side940+i%wire.Side/2] += 170 * (1 - 0.21*c - 0.175*v - 0.03*f + grain()) / 4
	}
	for i, v := range sum {
		s.Proof.NIR940[i] = byte(v)
	}
	return s
}

const pixels = wire.Side * wire.Side

func whole() []byte {
	m := make([]byte, wire.MaskBytes)
	for i := range m {
		m[i] = 0xff
	}
	return m
}

type shift struct{ x, y float64 }

// draw draws bent lines of a width (deviation, pixels): 1 in their middle.
func draw(rng *rand.Rand, at shift, count int, width float64) []float64 {
	field := make([]float64, pixels)
	reach := int(2.5*width) + 1
	for range count {
		angle, bend := rng.Float64()*math.Pi, (rng.Float64()-0.5)/60
		x0, y0 := rng.Float64()*wire.Side, rng.Float64()*wire.Side
		length, depth := 30+60*rng.Float64(), 0.5+0.5*rng.Float64()
		for s := 0.0; s < length; s += width {
			sin, cos := math.Sincos(angle + bend*s)
			x, y := x0+s*cos+at.x, y0+s*sin+at.y
			for i := max(int(y)-reach, 0); i <= min(int(y)+reach, wire.Side-1); i++ {
				for j := max(int(x)-reach, 0); j <= min(int(x)+reach, wire.Side-1); j++ {
					dx, dy := float64(j)-x, float64(i)-y
					if v := depth * math.Exp(-(dx*dx+dy*dy)/(2*width*width)); v > field[i*wire.Side+j] {
						field[i*wire.Side+j] = v
					}
				}
			}
		}
	}
	return field
}
