package vision

import "math"

// Blocks is how many blocks a side the palm is parted into to measure its shape.
const Blocks = 4

// sounding is the inverse depth measured at one block.
type sounding struct {
	at      Point   // normalised coordinates in the NIR camera
	inverse float64 // 1/mm
	weight  float64 // 0 where nothing was measured
	side    Point   // what is left of the shift across the baseline, crop pixels
}

const (
	// tiltSpread is how far palms commonly tilt, as the tangent: the prior
	// that holds the plane where blocks say little.
	tiltSpread = 0.25
	// fewest blocks that a plane is fitted to; of fewer only the distance is taken.
	fewestBlocks = 6
)

// fit lays a plane through the soundings: weighted least squares with a prior
// for no tilt, then four rounds in which soundings that lie far off count
// less (Tukey's biweight), since palms are cupped and some blocks mislead.
// noise is the standard deviation of a sounding. It is false where nothing was measured.
func fit(ss []sounding, noise float64) (plane, bool) {
	n, mean, sum := 0, 0.0, 0.0
	for _, s := range ss {
		if s.weight > 0 {
			n++
			sum += s.weight
			mean += s.weight * s.inverse
		}
	}
	if n == 0 {
		return plane{}, false
	}
	p := plane{C: mean / sum}
	if n < fewestBlocks {
		return p, true
	}
	soft := make([]float64, len(ss))
	for i, s := range ss {
		soft[i] = s.weight
	}
	for range 5 {
		q, ok := solve(ss, soft, square(noise/(tiltSpread*p.C)))
		if !ok {
			return p, true
		}
		p = q
		reach := 4 * max(noise, deviation(ss, p))
		for i, s := range ss {
			t := (s.inverse - p.inverseDepth(s.at)) / reach
			soft[i] = s.weight * square(max(1-t*t, 0))
		}
	}
	return p, true
}

// deviation is the median distance of the soundings from p, as a standard deviation.
func deviation(ss []sounding, p plane) float64 {
	var r []float64
	for _, s := range ss {
		if s.weight > 0 {
			r = append(r, math.Abs(s.inverse-p.inverseDepth(s.at)))
		}
	}
	return 1.4826 * median(r)
}

// solve is weighted least squares with ridge on A and B.
func solve(ss []sounding, weight []float64, ridge float64) (plane, bool) {
	var m [9]float64
	var v vec
	for i, s := range ss {
		row := vec{s.at.X, s.at.Y, 1}
		for j := range 3 {
			for k := range 3 {
				m[3*j+k] += weight[i] * row[j] * row[k]
			}
			v[j] += weight[i] * row[j] * s.inverse
		}
	}
	m[0] += ridge
	m[4] += ridge
	inv, ok := invertScaled(m)
	if !ok {
		return plane{}, false
	}
	at := func(i int) float64 { return inv[i]*v[0] + inv[i+1]*v[1] + inv[i+2]*v[2] }
	p := plane{at(0), at(3), at(6)}
	return p, p.C > 0 && math.Hypot(p.A, p.B) < p.C
}

// invertScaled is invert for matrices whose entries are small.
func invertScaled(m [9]float64) ([9]float64, bool) {
	top := 0.0
	for _, v := range m {
		top = max(top, math.Abs(v))
	}
	if top == 0 {
		return m, false
	}
	for i := range m {
		m[i] /= top
	}
	inv, ok := invert(m)
	for i := range inv {
		inv[i] /= top
	}
	return inv, ok
}
