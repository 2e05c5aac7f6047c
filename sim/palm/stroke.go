package palm

import (
	"math"
	"math/rand/v2"
)

// stroke is a line on the skin or below it, with a half width (deviation of
// its Gaussian profile, mm) and a strength at each point.
type stroke struct {
	pts   []Point
	width []float64
	depth []float64
}

// strand makes a stroke that swells, thins and sometimes nearly breaks along
// its length, and tapers at its ends.
func strand(rng *rand.Rand, pts []Point, width, depth float64) stroke {
	s := arc(pts)
	total := s[len(s)-1]
	st := stroke{pts: pts, width: make([]float64, len(pts)), depth: make([]float64, len(pts))}
	swell := newWave(rng, 9)
	thin := newWave(rng, 14)
	beads := newWave(rng, 1.1) // where papillary ridges cross the line
	taper := min(0.3*total, uniform(rng, 3, 9))
	for i := range pts {
		ends := smoothstep(0, taper, s[i]+0.15*taper) * smoothstep(0, taper, total-s[i]+0.15*taper)
		st.width[i] = width * math.Exp(0.26*swell.at(s[i])+0.14*beads.at(s[i])) * (0.55 + 0.45*ends)
		st.depth[i] = depth * ends * clamp(1+0.38*thin.at(s[i])+0.2*swell.at(1.9*s[i]+40)+0.17*beads.at(s[i]+20), 0.06, 1.6)
	}
	return st
}

// wave is smooth noise along a line.
type wave struct {
	step float64
	v    [64]float64
}

func newWave(rng *rand.Rand, step float64) *wave {
	w := &wave{step: step}
	for i := range w.v {
		w.v[i] = 1.4 * normal(rng, 0, 1)
	}
	return w
}

func (w *wave) at(s float64) float64 {
	f := s/w.step + 1
	i := int(f + 0.5)
	k := spline(f - float64(i))
	n := len(w.v)
	return k[0]*w.v[(i+n-1)%n] + k[1]*w.v[i%n] + k[2]*w.v[(i+1)%n]
}

// bellTable is exp(-x/2) for squared distances over squared deviations.
var bellTable = func() (t [1024]float32) {
	for i := range t {
		t[i] = float32(math.Exp(-float64(i) / 128 / 2))
	}
	return
}()

const bellEnd = 1023.0 / 128

// paint draws the stroke into the grid; where lines meet the deeper one counts.
func (g *grid) paint(st *stroke) {
	for i := 1; i < len(st.pts); i++ {
		g.paintSegment(st.pts[i-1], st.pts[i], st.width[i-1], st.width[i], st.depth[i-1], st.depth[i])
	}
}

func (g *grid) paintSegment(a, b Point, wa, wb, da, db float64) {
	reach := 2.8 * max(wa, wb)
	if max(da, db) < 0.004 {
		return
	}
	i0 := max(int(math.Ceil((min(a.X, b.X)-reach-g.x0)/g.step)), 0)
	i1 := min(int((max(a.X, b.X)+reach-g.x0)/g.step), g.w-1)
	j0 := max(int(math.Ceil((min(a.Y, b.Y)-reach-g.y0)/g.step)), 0)
	j1 := min(int((max(a.Y, b.Y)+reach-g.y0)/g.step), g.h-1)
	ab := b.sub(a)
	inv := 1 / max(ab.dot(ab), 1e-9)
	// Beyond it no profile reaches; a little more, for rounding.
	far := 1.0001 * bellEnd * max(wa, wb) * max(wa, wb)
	for j := j0; j <= j1; j++ {
		row := g.v[j*g.w:][:g.w]
		dy := g.y0 + float64(j)*g.step - a.Y
		for i := i0; i <= i1; i++ {
			dx := g.x0 + float64(i)*g.step - a.X
			t := clamp((dx*ab.X+dy*ab.Y)*inv, 0, 1)
			ex, ey := dx-t*ab.X, dy-t*ab.Y
			e := ex*ex + ey*ey
			if e >= far {
				continue
			}
			w := wa + t*(wb-wa)
			q := e / (w * w)
			if q >= bellEnd {
				continue
			}
			v := float32(da+t*(db-da)) * bellTable[int(q*128)]
			if v > row[i] {
				row[i] = v
			}
		}
	}
}
