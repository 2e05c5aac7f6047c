package palm

import (
	"math"
	"math/rand/v2"
)

// fineTexture is what the skin shows between its creases: papillary ridges
// about half a millimetre apart that flow over the hand, and the grain of
// pores and scales.
type fineTexture struct {
	phase *grid // of the ridges, in turns
	grain [fineTile * fineTile]float32
	ridge [1024]float32
	gain  *grid // where ridges are clear, 0 to 1
	first int   // column of the grain where a row begins
}

const fineTile = 256

// ridgePitch is the distance of papillary ridges, in millimetres.
const ridgePitch = 0.52

func newFineTexture(rng *rand.Rand, o *outline) *fineTexture {
	f := &fineTexture{phase: newGrid(o.view, 1), gain: newGrid(o.view, 1)}
	f.first = int((o.view.x0 - o.bounds.x0) / texelStep)
	b := o.bounds
	// Ridges follow the lines of equal phase of a plane wave bent by noise.
	slow, quick := newLattice(rng, b, 30), newLattice(rng, b, 9)
	show := newLattice(rng, b, 8)
	tilt := normal(rng, 0.5, 0.5)
	sin, cos := math.Sincos(tilt)
	f.phase.fill(func(x, y float64) float64 {
		return (x*sin + y*cos + 8*slow.at(x, y) + 1.2*quick.at(x, y)) / ridgePitch
	})
	f.gain.fill(func(x, y float64) float64 { return clamp(0.55+0.4*show.at(x, y), 0, 1) })
	for i := range f.ridge {
		f.ridge[i] = float32(math.Cos(2 * math.Pi * float64(i) / float64(len(f.ridge))))
	}
	f.fillGrain(rng)
	return f
}

// fillGrain makes a tile of band-limited noise of deviation one: grains of
// 0.5 to 1.5 mm, and some finer.
func (f *fineTexture) fillGrain(rng *rand.Rand) {
	const n = fineTile
	raw := make([]float32, n*n)
	for i := range raw {
		raw[i] = float32(rng.NormFloat64())
	}
	small, large := tiled(raw, 0.75), tiled(raw, 2.6)
	sum := 0.0
	for i := range raw {
		v := small[i] - large[i]
		f.grain[i] = v
		sum += float64(v * v)
	}
	k := float32(1 / math.Sqrt(sum/float64(n*n)))
	for i := range f.grain {
		f.grain[i] *= k
	}
}

// tiled blurs a square tile that repeats, by sigma samples.
func tiled(src []float32, sigma float64) []float32 {
	const n = fineTile
	k := gaussian(sigma)
	tmp, out := make([]float32, n*n), make([]float32, n*n)
	sum := func(to, from []float32, w float32, a, b []float32) {
		for i := range to {
			to[i] = from[i] + float32(w*(a[i]+b[i]))
		}
	}
	r := len(k) - 1
	line := make([]float32, n+2*r)
	for j := range n {
		row, to := src[j*n:][:n], tmp[j*n:][:n]
		copy(line, row[n-r:])
		copy(line[r:], row)
		copy(line[r+n:], row)
		for i := range to {
			to[i] = k[0] * row[i]
		}
		for t := 1; t <= r; t++ {
			sum(to, to, k[t], line[r+t:][:n], line[r-t:][:n])
		}
	}
	for j := range n {
		to := out[j*n:][:n]
		for i := range to {
			to[i] = k[0] * tmp[j*n+i]
		}
		for t := 1; t <= r; t++ {
			sum(to, to, k[t], tmp[(j+t)%n*n:][:n], tmp[(j+n-t)%n*n:][:n])
		}
	}
	return out
}

// row gives one row of the texture, deviation about one; scratch is as long.
func (f *fineTexture) row(dst, scratch []float32, y float64) {
	f.phase.expand(scratch, y)
	f.gain.expand(dst, y)
	j := int((y + 1000) / texelStep)
	a := f.grain[(j%fineTile)*fineTile:][:fineTile]
	// The second use of the tile is turned by a quarter and has another
	// period, so that no repetition is seen.
	for i := range dst {
		turn, col := int(float32(scratch[i]*1024))&1023, f.first+i
		g := dst[i]
		second := f.grain[((col*7/5)%fineTile)*fineTile+(j*7/5)%fineTile]
		dst[i] = float32(0.75*g*f.ridge[turn]) + float32(0.6*a[col%fineTile]) + float32(0.5*second)
	}
}
