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
