package matcher

import (
	"math"
	"math/rand/v2"
	"testing"

	"volar/wire"
)

// patchy is a code of square patches so many cells wide, each at random 0 or 1.
func patchy(r *rand.Rand, width int) *code {
	c := new(code)
	for k := range planes {
		var patches [cells][cells]bool
		for i := range patches {
			for j := range patches[i] {
				patches[i][j] = r.IntN(2) == 1
			}
		}
		for cell := range cells * cells {
			c.set(k, cell, patches[cell/cells/width][cell%cells/width])
		}
	}
	return c
}

// turnsOf holds codes as if each were the upright one in another pose.
func turnsOf(codes ...*code) *turns {
	t := &turns{n: len(codes), shown: codes[0].shown()}
	for i, c := range codes {
		for phase := range t.poses[i].phases {
			t.poses[i].phases[phase], t.poses[i].strong[phase] = *c, *c
		}
		t.poses[i].sparse.set(c)
	}
	t.white = appendWhite(nil, t.poses[:t.n])
	return t
}

func TestSpreadIsTheDeviationOverPlaces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	p, c := turnsOf(patchy(r, 3), patchy(r, 5), randomCode(r)), patchy(r, 4)
	g := &signature{code: c, sparse: newSparse(c), shown: 1}
	var all []float64
	mean := 0.0
	for pose := range p.n {
		for _, k := range whiteShifts {
			all = append(all, p.poses[pose].sparse.distance(&g.sparse, k.dx, k.dy))
			mean += all[len(all)-1]
		}
	}
	mean /= float64(len(all))
	squares := 0.0
	for _, d := range all {
		squares += (d - mean) * (d - mean)
	}
	deviation := math.Sqrt(squares / float64(len(all)))
	for _, c := range []struct{ shown, trust float64 }{{1, 1}, {1 - hidden/4, 0.75}, {1 - hidden, 0}, {0.4, 0}} {
		g.shown = c.shown
		_, got := candidates(p, g)
		if want := agreed.spread + c.trust*(deviation-agreed.spread); math.Abs(float64(got)-want) > 1e-12 {
			t.Errorf("%v shown: spread %v, want %v", c.shown, got, want)
		}
	}
}

func TestShownCellsAreCounted(t *testing.T) {
	c := new(code)
	for plane, x := range []int{0, 5, 5, 31, 31, 7} {
		c.set(plane, 3*cells+x, false)
	}
	if got := c.shown(); got != 4.0/(cells*cells) {
		t.Errorf("%v of the cells shown, want 4 of %d", got, cells*cells)
	}
}

// Strangers whose codes consist of wide patches come nearer by chance than others, and are put as
// much farther as is believed.
func TestCoarseCodesMustAgreeBetter(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	of := func(width int) spread {
		c := patchy(r, width)
		_, s := candidates(turnsOf(patchy(r, width)), &signature{code: c, sparse: newSparse(c), shown: 1})
		return s
	}
	if fine, coarse := of(2), of(8); coarse < 1.5*fine {
		t.Errorf("spread %v in patches of 8 cells, %v in patches of 2", coarse, fine)
	}
	usual := spread(agreed.spread)
	if d := usual.level(0.3); math.Abs(d-0.3) > 1e-12 {
		t.Errorf("at the usual spread 0.3 becomes %v", d)
	}
	if d, want := (usual * 1.1).level(0.3), Farthest-0.2/(1+0.1*agreed.follow); math.Abs(d-want) > 1e-12 {
		t.Errorf("at a tenth more than the usual spread 0.3 becomes %v, want %v", d, want)
	}
	for _, s := range []spread{0, usual, 1} {
		if got := s.level(Farthest); got != Farthest {
			t.Errorf("spread %v: the farthest distance becomes %v", s, got)
		}
		if got := s.level(0); got < 0 {
			t.Errorf("spread %v: distance 0 becomes %v", s, got)
		}
	}
}

// The side that is hidden of two captures is the same zeros in both, which agree wherever they meet.
func TestHiddenSideIsNoSpread(t *testing.T) {
	mask := make([]byte, wire.MaskBytes)
	for cell := range cells * cells {
		if cell%cells < cells*3/4 {
			mask[cell/8] |= 1 << (cell % 8)
		}
	}
	encode := func(moveX, moveY, turn float64) *Capture {
		c, err := Encode(wire.Left, []wire.View{{Band: wire.NIR, Pix: lines(1, 1, moveX, moveY, turn, 12), Mask: mask}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if d := NewProbe(encode(3, 5, 2)).Compare(encode(0, 0, 0)).NIR; d > 0.27 {
		t.Errorf("a palm of which a quarter is hidden lies %v from itself", d)
	}
}
