package palm

import (
	"math"

	"volar/hal"
)

// gaussTable holds the quantiles of the normal distribution.
var gaussTable = func() (t [4096]float32) {
	for i := range t {
		t[i] = float32(math.Sqrt2 * math.Erfinv((2*float64(i)+1)/4096-1))
	}
	return
}()

// levels is how finely light is looked up.
const levels = 4096

// response is what one sensor makes of light, as tables.
type response struct {
	sensor   Sensor
	width    int                 // of the sensor, pixels
	deviance [levels + 1]float32 // noise at each level, share of full scale
	gamma    [levels + 1]uint8
	vignette []float32
	hot      []hotPixel
}

type hotPixel struct {
	at    int
	light float32 // share of full scale per millisecond
}

func newResponse(s Sensor, in hal.Intrinsics, seed uint64) *response {
	r := &response{sensor: s, width: in.Width}
	for i := range r.deviance {
		e := float64(i) / levels * s.FullWell
		r.deviance[i] = float32(math.Sqrt(e+s.Read*s.Read) / s.FullWell)
		r.gamma[i] = uint8(255*srgb(float64(i)/levels) + 0.5)
	}
	r.vignette = make([]float32, in.Width*in.Height)
	cx, cy := float64(in.Width)/2, float64(in.Height)/2
	for y := range in.Height {
		for x := range in.Width {
			dx, dy := (float64(x)-cx)/cx, (float64(y)-cy)/cx
			r.vignette[y*in.Width+x] = float32(1 - s.Vignette*(dx*dx+dy*dy)/(1+cy*cy/(cx*cx)))
		}
	}
	rng := newRand(seed, 'h')
	for range s.Hot {
		r.hot = append(r.hot, hotPixel{rng.IntN(in.Width * in.Height), float32(uniform(rng, 0.02, 0.25))})
	}
	return r
}

// srgb is the transfer curve of IEC 61966-2-1.
func srgb(v float64) float64 {
	if v <= 0.0031308 {
		return 12.92 * v
	}
	return 1.055*math.Pow(v, 1/2.4) - 0.055
}

// expose turns light into the bytes of a frame. Noise depends on seed and
// pixel alone.
func (r *response) expose(f *hal.Frame, light *plane, seed uint64) {
	r.exposeAt(f, light, region{0, 0, f.Width, f.Height}, seed)
}

// exposeAt exposes that part of the sensor of which f is the picture.
func (r *response) exposeAt(f *hal.Frame, light *plane, at region, seed uint64) {
	ms := float32(f.Exposure.Seconds() * 1000)
	for _, h := range r.hot {
		x, y := h.at%r.width-at.x0, h.at/r.width-at.y0
		if x < 0 || y < 0 || x >= light.w || y >= light.h {
			continue
		}
		for c := range light.n {
			light.v[(y*light.w+x)*light.n+c] += h.light * ms
		}
	}
	for y := range f.Height {
		row := light.v[y*light.w*light.n:][:light.w*light.n]
		vig := r.vignette[(at.y0+y)*r.width+at.x0:][:f.Width]
		out := f.Pix[y*f.Stride:][:f.Stride]
		// Noise is counted from the sensor's corner, whatever part is read.
		rowSeed := subseed(seed, uint64(at.y0+y)) + uint64(at.x0)*noiseStep
		switch f.Format {
		case hal.RGB24:
			r.exposeRGB(out, row, vig, rowSeed)
		case hal.Y10:
			r.exposeNIR(out, row, vig, rowSeed, 1023)
		default:
			r.exposeNIR(out, row, vig, rowSeed, 255)
		}
	}
}

// noiseStep parts the noise of neighbouring pixels.
const noiseStep = 0x9e3779b97f4a7c15

func (r *response) exposeRGB(out []byte, row, vig []float32, seed uint64) {
	for x := range vig {
		h := mix(seed + uint64(x)*noiseStep)
		px := row[3*x : 3*x+3 : 3*x+3]
		for c := range px {
			v := r.noisy(px[c]*vig[x], h>>(12*c))
			out[3*x+c] = r.gamma[int(max(0, min(1, v))*levels)]
		}
	}
}

func (r *response) exposeNIR(out []byte, row, vig []float32, seed uint64, white float32) {
	black := float32(r.sensor.Black)
	for x := range vig {
		h := mix(seed + uint64(x)*noiseStep)
		v := r.noisy(row[x]*vig[x], h)
		n := int(max(0, min(1, black+(1-black)*v))*white + 0.5)
		if white > 255 {
			out[2*x], out[2*x+1] = byte(n), byte(n>>8)
		} else {
			out[x] = byte(n)
		}
	}
}

// noisy clips a level to 0 to 1, as the pixel's well does, and adds shot and
// read noise.
func (r *response) noisy(v float32, h uint64) float32 {
	v = max(0, min(1, v))
	return v + r.deviance[int(v*levels)]*gaussTable[h&4095]
}
