package palm

import (
	"math"

	"volar/hal"
)

// Four bytes of a texel, spread over a word so that each can be multiplied by
// a weight of eight bits and added without touching its neighbour.
const lanes = 0x00ff00ff00ff00ff

// sample interpolates a map at a texel position in 16.16 fixed point. It
// gives the even and the odd bytes, each as 8.8 fixed point in 16 bits.
func (t *texture) sample(m []uint64, u, v int64) (even, odd uint64) {
	i, j := int(u>>16), int(v>>16)
	if i < 0 || j < 0 || i >= t.w-1 || j >= t.h-1 {
		i, j = min(max(i, 0), t.w-2), min(max(j, 0), t.h-2)
	}
	ax, ay := uint64(u>>12)&15, uint64(v>>12)&15
	k := j*t.w + i
	a, b := m[k:][:2], m[k+t.w:][:2]
	w00, w10, w01, w11 := (16-ax)*(16-ay), ax*(16-ay), (16-ax)*ay, ax*ay
	even = (a[0]&lanes)*w00 + (a[1]&lanes)*w10 + (b[0]&lanes)*w01 + (b[1]&lanes)*w11
	odd = (a[0]>>8&lanes)*w00 + (a[1]>>8&lanes)*w10 + (b[0]>>8&lanes)*w01 + (b[1]>>8&lanes)*w11
	return even, odd
}

// lane takes one of the four values, 0 to 255, out of a sampled word.
func lane(w uint64, n uint) float32 { return float32(w>>(16*n)&0xffff) * (1.0 / 256) }

// distLimit is the sampled distance channel up to which a pixel is wholly inside.
const (
	distMiddle = 128 * 256
	distPerMM  = distScale * 256
)

// coverage is the share of a pixel inside the silhouette.
func coverage(odd uint64, perMM float32) float32 {
	d := int(odd>>48) - distMiddle
	if d < -2*distPerMM {
		return 1
	}
	a := 0.5 - float32(d)*(1.0/distPerMM)*perMM
	return max(0, min(1, a))
}

// tint is how a light shows the skin: constants of one frame.
type tint struct {
	base   float32 // of the light's reflectance against that in the map
	vein   float32 // light lost over a vein of density one
	crease [3]float32
	fine   [3]float32
	deep   float32
	lean   float32 // how much of the small slopes scattering leaves
	flush  [3]float32
	perMM  float32 // pixels per millimetre
	beat   float32 // of a display: phase of its pixels a texel
}

// spanNIR shades a run of pixels of the NIR camera.
func (t *texture) spanNIR(m []uint64, s *span, row []float32, k *tint) {
	u, v, f := s.u, s.v, s.f
	for x := s.x0; x < s.x1; x++ {
		even, odd := t.sample(m, u, v)
		if a := coverage(odd, k.perMM); a > 0 {
			su, sv := (lane(odd, 2)-128)*(1/slopeScale), (lane(even, 3)-128)*(1/slopeScale)
			refl := lane(even, 0) * (1.0 / 255) * k.base
			refl *= 1 - min(k.vein*f[fieldVein]*lane(odd, 0)*(1.0/170), 0.8)
			refl *= 1 - min(k.crease[0]*f[fieldCrease]*lane(even, 1)*(1.0/255), 0.9)
			refl *= 1 + k.fine[0]*(lane(odd, 1)-128)
			refl *= 1 - k.deep*lane(even, 2)*(1.0/128)
			e := f[fieldE] + k.lean*(su*s.eu+sv*s.ev)
			m := f[fieldS] + su*s.su + sv*s.sv
			out := refl*max(e, 0) + max(m, 0)
			row[x] += a * (out - row[x])
		}
		u += s.du
		v += s.dv
		for i := range f {
			f[i] += s.df[i]
		}
	}
}

// spanRGB shades a run of pixels of the RGB camera; a row holds the three
// colours of a pixel together.
func (t *texture) spanRGB(s *span, row []float32, k *tint) {
	u, v, f := s.u, s.v, s.f
	for x := s.x0; x < s.x1; x++ {
		even, odd := t.sample(t.rgb, u, v)
		if a := coverage(odd, k.perMM); a > 0 {
			su, sv := (lane(odd, 2)-128)*(1/slopeScale), (lane(even, 3)-128)*(1/slopeScale)
			crease := f[fieldCrease] * lane(odd, 1) * (1.0 / 255)
			fine := lane(even, 2) - 128
			e := max(f[fieldE]+k.lean*(su*s.eu+sv*s.ev), 0)
			m := max(f[fieldS]+su*s.su+sv*s.sv, 0)
			flush := f[fieldFlush] - 1
			if k.beat > 0 {
				e *= grille(u, v, k.beat)
			}
			px := row[3*x : 3*x+3 : 3*x+3]
			refl := [3]float32{lane(even, 0), lane(odd, 0), lane(even, 1)}
			for c := range px {
				out := refl[c] * (1.0 / 255) * (1 - min(k.crease[c]*crease, 0.92)) * (1 + k.fine[c]*fine) * (1 - k.flush[c]*flush) * e
				px[c] += a * (out + m - px[c])
			}
		}
		u += s.du
		v += s.dv
		for i := range f {
			f[i] += s.df[i]
		}
	}
}

// infrared is the map under a light.
func (t *texture) infrared(light hal.Light) []uint64 {
	if t.nir940 != nil && light&hal.NIR940 != 0 && light&hal.NIR850 == 0 {
		return t.nir940
	}
	return t.nir
}

// grille is the light of a display at a point of its grid, which is finer
// than the camera's pixels: sampled at them it beats (moire). A pixel takes the
// mean over its area, which leaves about a tenth of the contrast.
func grille(u, v int64, beat float32) float32 {
	const left = 0.1
	return 1 + left*float32(math.Cos(float64(beat)*float64(u)/65536)*math.Cos(float64(beat)*float64(v)/65536))
}
