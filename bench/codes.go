package main

import (
	"math"
	"math/rand/v2"

	"volar/enclave/vault/matcher"
)

// Synthetic codes with the statistics of real ones. Neighbouring cells of a real code agree, because
// orientations change slowly over a palm, and neighbouring planes do, because the filters overlap. So a
// code here is the sign of a smooth random field of orientations, cut out of a large one that was made once:
// millions are made in seconds, where rendering palms would take days. Three cuts that lie anywhere
// decide each bit by majority, which leaves strangers as far apart as chance.

const (
	cells  = matcher.Cells
	planes = matcher.Orientations
	torus  = 1024 // cells; a power of two
)

// A texture is the field that codes are cut out of.
type texture struct {
	planes [planes][]uint64 // torus rows of torus/64 words
	noise  []uint64         // the same, of bits without orientation
}

func newTexture(seed uint64) *texture {
	r := rand.New(rand.NewPCG(seed, 5))
	t := &texture{noise: signs(smooth(r))}
	a, b := smooth(r), smooth(r)
	for k := range t.planes {
		own := smooth(r)
		sin, cos := math.Sincos(2 * math.Pi * float64(k) / planes)
		for i := range own {
			own[i] = float32(cos)*a[i] + float32(sin)*b[i] + 0.5*own[i]
		}
		t.planes[k] = signs(own)
	}
	return t
}

// smooth is white noise after three box filters each way, which is nearly a Gaussian of 1.4 cells.
func smooth(r *rand.Rand) []float32 {
	v, w := make([]float32, torus*torus), make([]float32, torus*torus)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	for range 3 {
		for _, step := range []int{1, torus} {
			const mask = torus*torus - 1
			for i := range v {
				w[i] = v[(i-step)&mask] + v[i] + v[(i+step)&mask]
			}
			v, w = w, v
		}
	}
	return v
}

func signs(v []float32) []uint64 {
	out := make([]uint64, len(v)/64)
	for i, x := range v {
		if x < 0 {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

// window is the 32 cells to the right of a place, which may hang over the edge.
func window(bits []uint64, x, y int) uint32 {
	row := bits[y%torus*(torus/64):][:torus/64]
	i, s := x/64%len(row), x%64
	return uint32(row[i]>>s | row[(i+1)%len(row)]<<(63-s)<<1)
}

// A code is one band: bits, and which of them can be relied upon.
type code struct {
	bits, care [planes][cells]uint32
}

// palm is the code of one palm, moved by so many cells; equal numbers give equal palms.
func (t *texture) palm(number uint64, dx, dy int) *code {
	c := new(code)
	r := rand.NewPCG(number, 7)
	a, b := r.Uint64(), r.Uint64() // where the cuts lie
	var x, y [6]int
	for i := range x {
		x[i], y[i] = int(a>>(10*i))&(torus-1), int(b>>(10*i))&(torus-1)
	}
	for j := range cells {
		at := func(bits []uint64, i int) uint32 {
			return window(bits, (x[i]+torus-dx)%torus, y[i]+torus+j-dy)
		}
		for k := range planes {
			p, q, s := at(t.planes[k], 0), at(t.planes[k], 1), at(t.planes[k], 2)
			care := at(t.noise, 3) | at(t.planes[k], 4) | at(t.planes[(k+3)%planes], 5) // 7 of 8
			c.care[k][j] = care
			c.bits[k][j] = (p&q | q&s | p&s) & care
		}
	}
	return c
}

// mate is another capture of a palm: moved by whole cells, and with a quarter of its bits changed.
func (t *texture) mate(number, capture uint64, dx, dy int) *code {
	c := t.palm(number, dx, dy)
	n := rand.New(rand.NewPCG(number, 11+capture))
	for k := range planes {
		x, y, u, v := n.IntN(torus), n.IntN(torus), n.IntN(torus), n.IntN(torus)
		for j := range cells {
			c.bits[k][j] = (c.bits[k][j] ^ window(t.noise, x, y+j)&window(t.noise, u, v+j)) & c.care[k][j]
		}
	}
	return c
}
