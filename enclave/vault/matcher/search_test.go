package matcher

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"volar/enclave/vault/kernel"
	"volar/wire"
)

func randomCode(r *rand.Rand) *code {
	c := new(code)
	for k := range planes {
		for i := range cells * cells {
			if r.IntN(8) > 0 {
				c.set(k, i, r.IntN(2) == 1)
			}
		}
	}
	return c
}

// bitAt is what the packed code means: 1 or 0, or nothing where there is no care.
func (c *code) bitAt(plane, x, y int) (bit int, care bool) {
	if x < 0 || y < 0 || x >= cells || y >= cells || half(&c.Care[y], plane)>>x&1 == 0 {
		return 0, false
	}
	return int(half(&c.Bits[y], plane) >> x & 1), true
}

// count compares cell by cell, in a part of the gallery's grid.
func count(p, g *code, left, top, right, bottom, dx, dy int) (differ, n int) {
	for k := range planes {
		for y := top; y < bottom; y++ {
			for x := left; x < right; x++ {
				a, known := p.bitAt(k, x-dx, y-dy)
				b, also := g.bitAt(k, x, y)
				if known && also {
					n++
					differ += a ^ b
				}
			}
		}
	}
	return differ, n
}

func TestMovedComparisonsCountRight(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p, g := randomCode(r), randomCode(r)
	for range 50 {
		dx, dy := r.IntN(2*reach+1)-reach, r.IntN(2*reach+1)-reach
		differ, n := count(p, g, 0, 0, cells, cells, dx, dy)
		var moved kernel.Moved
		kernel.Move(&moved, (*kernel.Code)(p), dx)
		if got := kernel.Whole(&moved, (*kernel.Code)(g), dy); int(got.Differ) != differ || int(got.Valid) != n {
			t.Errorf("shift %d %d: %+v, want %d of %d", dx, dy, got, differ, n)
		}
	}
}

func TestSparseCountsRight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p, g := randomCode(r), randomCode(r)
	var shifts sparseShifts
	shifts.set(p)
	enrolled := newSparse(g)
	for dx := -reach; dx <= reach; dx++ {
		for dy := -reach; dy <= reach; dy++ {
			differ, n := 0, 0
			for _, k := range sparsePlanes {
				for y := 0; y < cells; y += 2 {
					for x := 0; x < cells; x += 2 {
						if x-dx < 0 || y-dy < 0 || x-dx >= cells || y-dy >= cells {
							continue
						}
						a, _ := p.bitAt(k, x-dx, y-dy)
						b, _ := g.bitAt(k, x, y)
						n++
						differ += a ^ b
					}
				}
			}
			want := 0.5 - (0.5-float64(differ)/float64(n))*math.Sqrt(float64(n)/1024)
			if got := shifts.distance(&enrolled, dx, dy); math.Abs(got-want) > 1e-12 {
				t.Errorf("shift %d %d: %v, want %v", dx, dy, got, want)
			}
		}
	}
}

// A filter wider than its window would lose its rim.
func TestFiltersFit(t *testing.T) {
	if reach := support * sigmaAlong * wavelength / tapStep; int(reach) != filterReach {
		t.Errorf("filters reach %v points, their window %d", reach, filterReach)
	}
	last := dense[len(dense)-1]
	if end := int(last) + 2*filterReach*fieldStride + kernel.Taps; end > fieldRows*fieldStride {
		t.Errorf("the last window ends at %d of %d", end, fieldRows*fieldStride)
	}
}

func TestFiltersHaveNoMean(t *testing.T) {
	for bank := range plain {
		for k := range planes {
			sum, size := 0, 0
			for row := 0; row < len(plain[bank]); row += kernel.Filters * kernel.Taps {
				for _, w := range plain[bank][row+k*kernel.Taps:][:kernel.Taps] {
					sum += int(w)
					size += int(max(w, -w))
				}
			}
			if size == 0 || max(sum, -sum)*200 > size {
				t.Errorf("bank %d, plane %d: weights add up to %d of %d", bank, k, sum, size)
			}
		}
	}
}

// A dark line is answered most negatively by the filter that lies along it.
func TestOrientation(t *testing.T) {
	for k := range planes {
		angle := float64(k) * math.Pi / planes // of the line's normal
		pix := make([]byte, wire.Side*wire.Side)
		for y := range wire.Side {
			for x := range wire.Side {
				across := (float64(x)-63.5)*math.Cos(angle) + (float64(y)-63.5)*math.Sin(angle)
				pix[y*wire.Side+x] = byte(200 - 100*math.Exp(-across*across/8))
			}
		}
		f := new(field)
		f.set(new(normaliser), pix, 1)
		var answers [planes]int32
		kernel.Filter(answers[:], f.pix[:], fieldStride, grid[16*cells+16:][:1], plain[upright])
		best, least := -1, int32(0)
		for plane, a := range answers {
			if a < least {
				best, least = plane, a
			}
		}
		if best != k {
			t.Errorf("a line across %d degrees is answered by plane %d", 180/planes*k, best)
		}
	}
}

func TestSmallest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		v := make([]int32, 1+r.IntN(50))
		for i := range v {
			v[i] = r.Int32N(20)
		}
		k := r.IntN(len(v))
		got := smallest(append([]int32{}, v...), k)
		below, upTo := 0, 0
		for _, x := range v {
			if x < got {
				below++
			}
			if x <= got {
				upTo++
			}
		}
		if below > k || upTo <= k {
			t.Fatalf("%v at %d: %d", v, k, got)
		}
	}
}

// A covered part of the palm is left out of the comparison and does not spoil it.
func TestMaskedCellsDoNotCount(t *testing.T) {
	clean := lines(1, 1, 0, 0, 0, 3)
	covered := append([]byte{}, clean...)
	mask := make([]byte, wire.MaskBytes)
	for y := range cells {
		for x := range cells {
			hidden := x >= 20 && y < 12
			if i := y*cells + x; !hidden {
				mask[i/8] |= 1 << (i % 8)
			}
		}
	}
	for y := range 12 * pitch {
		for x := 20 * pitch; x < wire.Side; x++ {
			covered[y*wire.Side+x] = byte(37 * x * y)
		}
	}
	encode := func(v wire.View) *Capture {
		c, err := Encode(wire.Left, []wire.View{v})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	enrolled := encode(view(wire.NIR, clean))
	masked := encode(wire.View{Band: wire.NIR, Pix: covered, Mask: mask})
	for k := range planes {
		for y := range 12 {
			if bits.OnesCount32(half(&masked.bands[1].code.Care[y], k)>>20) != 0 {
				t.Fatalf("plane %d: hidden cells of row %d are relied upon", k, y)
			}
		}
	}
	if d := NewProbe(masked).Compare(enrolled).NIR; d > 0.15 {
		t.Errorf("a palm with a covered corner lies %v from itself", d)
	}
}

// The first stage by kernel.Differ sees every white place as the sum over rows does.
func TestWhitePlacesCountRight(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 8, 15} {
		turns := turns{n: n}
		for i := range n {
			turns.poses[i].sparse.set(randomCode(r))
		}
		g := newSparse(randomCode(r))
		white := appendWhite(nil, turns.poses[:n])
		differ := make([]uint16, len(white)/kernel.GroupBytes*kernel.Lanes)
		kernel.Differ(differ, white, (*[sparseRows]uint64)(&g))
		for i, k := range whiteShifts {
			if (k.dx+k.dy)&1 != 0 {
				t.Fatalf("shift %d %d is black", k.dx, k.dy)
			}
			for pose := range n {
				got := k.distance(int(differ[i*groups(n)*kernel.Lanes+pose]))
				if want := turns.poses[pose].sparse.distance(&g, k.dx, k.dy); got != want {
					t.Fatalf("pose %d of %d at %d %d: %v, want %v", pose, n, k.dx, k.dy, got, want)
				}
			}
		}
	}
}
