package palm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestEveryPixelOnce draws a crooked mesh and counts.
func TestEveryPixelOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 8
	m := &mesh{cols: n, rows: n}
	var cs []corner
	for j := range n {
		for i := range n {
			c := corner{x: float64(10*i) + rng.Float64()*4, y: float64(10*j) + rng.Float64()*4, ok: true}
			c.u, c.v = c.x, c.y
			cs = append(cs, c)
			if i < n-1 && j < n-1 {
				m.cells = append(m.cells, int32(j*n+i))
			}
		}
	}
	var hits [80][80]int
	raster(m, cs, 80, 80, func(s *span) {
		u := s.u
		for x := s.x0; x < s.x1; x++ {
			hits[s.y][x]++
			// u was set to x, so it must come out as x.
			if d := float64(u)/65536 - float64(x); math.Abs(d) > 0.01 {
				t.Fatalf("pixel %d,%d shows u %.3f", x, s.y, float64(u)/65536)
			}
			u += s.du
		}
	})
	for y := 5; y < 70; y++ {
		for x := 5; x < 70; x++ {
			if hits[y][x] != 1 {
				t.Fatalf("pixel %d,%d was drawn %d times", x, y, hits[y][x])
			}
		}
	}
}

// TestSample compares the packed interpolation with plain arithmetic.
func TestSample(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tex := &texture{w: 5, h: 4, rgb: make([]uint64, 20)}
	for i := range tex.rgb {
		tex.rgb[i] = rng.Uint64()
	}
	for range 200 {
		fu, fv := rng.IntN(4*16), rng.IntN(3*16)
		even, odd := tex.sample(tex.rgb, int64(fu)<<12, int64(fv)<<12)
		i, j, ax, ay := fu/16, fv/16, float64(fu%16)/16, float64(fv%16)/16
		for k := range uint(8) {
			at := func(i, j int) float64 { return float64(tex.rgb[j*5+i] >> (8 * k) & 255) }
			want := (at(i, j)*(1-ax)+at(i+1, j)*ax)*(1-ay) + (at(i, j+1)*(1-ax)+at(i+1, j+1)*ax)*ay
			w := even
			if k%2 == 1 {
				w = odd
			}
			if got := float64(lane(w, k/2)); math.Abs(got-want) > 0.01 {
				t.Fatalf("byte %d at %d,%d: %.3f, want %.3f", k, fu, fv, got, want)
			}
		}
	}
	// Beyond the border is the border.
	tex.sample(tex.rgb, -9<<16, 99<<16)
}

func TestLatticeIsNoise(t *testing.T) {
	l := newLattice(newRand(1, 'x'), box{0, 0, 100, 100}, 5)
	sum, square := 0.0, 0.0
	const n = 10000
	rng := rand.New(rand.NewPCG(1, 1))
	for range n {
		v := l.at(100*rng.Float64(), 100*rng.Float64())
		sum += v
		square += v * v
	}
	if m, sd := sum/n, math.Sqrt(square/n); math.Abs(m) > 0.15 || sd < 0.7 || sd > 1.3 {
		t.Errorf("mean %.2f, deviation %.2f", m, sd)
	}
	if l.at(-1e6, 1e6) != l.at(-1e5, 1e5) {
		t.Error("outside the box the noise goes on")
	}
}
