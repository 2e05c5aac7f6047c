package palm

import (
	"math/rand/v2"
)

// mix is the finaliser of SplitMix64: a bijection that scatters every bit.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// subseed derives an independent seed for one purpose from a seed and keys.
func subseed(seed uint64, keys ...uint64) uint64 {
	for _, k := range keys {
		seed = mix(seed + 0x9e3779b97f4a7c15 + mix(k^0x5851f42d4c957f2d))
	}
	return seed
}

// newRand is a generator for one purpose.
func newRand(seed uint64, keys ...uint64) *rand.Rand {
	s := subseed(seed, keys...)
	return rand.New(rand.NewPCG(s, mix(s)))
}

// normal is a Gaussian of the given mean and deviation, cut at 2.5 deviations
// so that no anatomy is a monster.
func normal(rng *rand.Rand, mean, sd float64) float64 {
	return mean + sd*max(-2.5, min(2.5, rng.NormFloat64()))
}

// uniform is uniform in [a, b).
func uniform(rng *rand.Rand, a, b float64) float64 { return a + (b-a)*rng.Float64() }

// lattice is smooth noise of mean zero and deviation about one: random values
// on a square lattice, interpolated by quadratic B-splines.
type lattice struct {
	x0, y0, step float64
	w, h         int
	v            []float32
}

// newLattice covers the box with points step apart.
func newLattice(rng *rand.Rand, b box, step float64) *lattice {
	l := &lattice{x0: b.x0 - step, y0: b.y0 - step, step: step}
	l.w = int((b.x1-b.x0)/step) + 5
	l.h = int((b.y1-b.y0)/step) + 5
	l.v = make([]float32, l.w*l.h)
	for i := range l.v {
		// 1.7 makes up for what the spline smooths away.
		l.v[i] = float32(1.7 * normal(rng, 0, 1))
	}
	return l
}

// at is the noise at a point; outside the box it is that of the border.
func (l *lattice) at(x, y float64) float64 {
	fx := clamp((x-l.x0)/l.step, 0.5, float64(l.w)-2.5)
	fy := clamp((y-l.y0)/l.step, 0.5, float64(l.h)-2.5)
	i, j := int(fx+0.5), int(fy+0.5)
	wx := spline(fx - float64(i))
	wy := spline(fy - float64(j))
	sum := 0.0
	for dj := range 3 {
		row := l.v[(j-1+dj)*l.w+i-1:][:3]
		sum += wy[dj] * (wx[0]*float64(row[0]) + wx[1]*float64(row[1]) + wx[2]*float64(row[2]))
	}
	return sum
}

// spline gives the weights of the three lattice points around an offset t in
// [-0.5, 0.5] from the middle one.
func spline(t float64) [3]float64 {
	return [3]float64{0.5 * (0.5 - t) * (0.5 - t), 0.75 - t*t, 0.5 * (0.5 + t) * (0.5 + t)}
}
