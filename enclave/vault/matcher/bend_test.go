package matcher

import (
	"math/rand/v2"
	"testing"

	"volar/enclave/vault/kernel"
)

// On one chain of blocks min-sum belief propagation is exact: it finds what
// trying all displacements finds.
func TestMessagesFindTheCheapest(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var b bending
	for i := range b.cost {
		for j := range b.cost[i] {
			for c := range b.cost[i][j] {
				b.cost[i][j][c] = r.Int32N(chance)
			}
		}
	}
	price := func(i, j int) int32 {
		dx, dy := int32(i%bendRow-j%bendRow), int32(i/bendRow-j/bendRow)
		return stiffness * (dx*dx + dy*dy)
	}
	cost := b.cost
	b.pass()
	for c := range kernel.Chains {
		// least[j] is the cheapest chain up to a block that lies at j.
		var least [bends]int32
		for i := range cost {
			next := [bends]int32{}
			for j := range next {
				next[j] = cost[i][j][c]
				if i == 0 {
					continue
				}
				best := least[0] + price(0, j)
				for k, v := range least {
					best = min(best, v+price(k, j))
				}
				next[j] += best
			}
			least = next
		}
		last := &b.forth[blockRow-1]
		best, want := 0, 0
		for j := range least {
			if last[j][c] < last[best][c] {
				best = j
			}
			if least[j] < least[want] {
				want = j
			}
		}
		if best != want {
			t.Errorf("chain %d: displacement %d, the cheapest is %d", c, best, want)
		}
	}
}

// The strong bits of a settled place are counted where its blocks lie, each as strength bits.
func TestStrongBitsCountMore(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	p, g := turnsOf(randomCode(r)), randomCode(r)
	strong := &p.poses[0].strong
	for phase := range strong {
		p.poses[0].phases[phase] = *randomCode(r)
		strong[phase] = p.poses[0].phases[phase]
		for y := range cells {
			for w := range words {
				strong[phase].Care[y][w] &= r.Uint64() & r.Uint64()
				strong[phase].Bits[y][w] &= strong[phase].Care[y][w]
			}
		}
	}
	at := settled{place: place{dx: 2, dy: -1}}
	var differ, valid int
	for block := range at.bends {
		x, y := r.IntN(bendRow), r.IntN(bendRow)
		at.bends[block] = uint8(y*bendRow + x)
		phase := (y-bendReach)&1*phases + (x-bendReach)&1
		left, top := block%blockRow*blockSide, block/blockRow*blockSide
		count := func(c *code) (int, int) {
			return count(c, g, left, top, left+blockSide, top+blockSide, at.dx-cellsOff(x), at.dy-cellsOff(y))
		}
		d, n := count(&p.poses[0].phases[phase])
		at.differ, at.valid = at.differ+d, at.valid+n
		d, n = count(&strong[phase])
		differ, valid = differ+(strength-1)*d, valid+(strength-1)*n
	}
	want := towards(float64(at.differ+differ)/float64(at.valid+valid), at.valid)
	if got := p.weighed(&at, g); got != want {
		t.Errorf("weighed %v, want %v", got, want)
	}
}

// Of two strangers who agree as well at one place, the one who agrees better at a second place is nearer.
func TestSecondPlaceCounts(t *testing.T) {
	enrolled := capture(t, 1, 0, 0, 0, 3).bands[0]
	p := NewProbe(capture(t, 1, 1, 1, 2, 3)).bands[0]
	list, _ := candidates(p, enrolled)
	both := list
	near := nearness(p, enrolled.code, &both)
	list.rank(p, enrolled.code)
	best, _ := list.take()
	alone := shortlist{n: 1, places: [16]place{best}}
	if far := nearness(p, enrolled.code, &alone); far < near+0.02 {
		t.Errorf("%v apart at one place, %v at several", far, near)
	}
}
