package search

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"volar/enclave/vault/kernel"
)

func differ(a, b *[kernel.FineWords]uint64) (n int) {
	for i := range a {
		n += bits.OnesCount64(a[i] ^ b[i])
	}
	return n
}

// The nearest are those that sorting would put first, ties by slot.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var h histogram
	for range 500 {
		n := 1 + r.IntN(300)
		spread := 1 + r.IntN(40)
		keys := make([]key, n)
		for i := range keys {
			keys[i] = newKey(uint16(r.IntN(spread)*r.IntN(70)), uint32(i))
		}
		r.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		want := slices.Clone(keys)
		slices.Sort(want)
		k := r.IntN(n + 10)
		got := h.nearest(keys, k)
		want = want[:min(k, n)]
		if k < n && k > 0 && h.cut < want[k-1].score() {
			t.Fatalf("the cut is %d, kept %d", h.cut, want[k-1].score())
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%d of %d: %v, want %v", k, n, got, want)
		}
	}
}

// What a glance leaves are as many as were asked for, the first ones where the score is the same, in order.
func TestLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var room [tilePalms]uint32
	for range 500 {
		scores := make([]uint16, 1+r.IntN(tilePalms))
		spread := 1 + r.IntN(64*kernel.GlanceWords)
		for i := range scores {
			scores[i] = uint16(r.IntN(spread + 1))
		}
		n := 1 + r.IntN(len(scores))
		want := make([]uint32, len(scores))
		for i := range want {
			want[i] = uint32(i)
		}
		slices.SortStableFunc(want, func(a, b uint32) int { return int(scores[a]) - int(scores[b]) })
		slices.Sort(want[:n])
		got, cut := least(room[:], scores, n, uint16(r.IntN(spread+1)))
		if !slices.Equal(got, want[:n]) || scores[slices.MaxFunc(got, func(a, b uint32) int { return int(scores[a]) - int(scores[b]) })] != cut {
			t.Fatalf("%d of %v: %v up to %d, want %v", n, scores, got, cut, want[:n])
		}
	}
}

// Nothing is lost or kept twice, and more palms never mean less work.
func TestPlan(t *testing.T) {
	for n := 0; n < 1<<28; n += 1 + n/7 {
		p := planFor(n)
		if p.kept > n || p.keptFine > p.kept || p.shortlist > p.keptFine || p.shortlist < min(n, 8) {
			t.Errorf("%d palms: %+v", n, p)
		}
		if p.glance < 7 || p.coarse < p.glance || p.coarse > len(variants) || p.fine > len(variants) {
			t.Errorf("%d palms: %+v of %d variants", n, p, len(variants))
		}
		if left := n / tilePalms * p.near; p.kept < n && left < p.kept || p.near > tilePalms {
			t.Errorf("%d palms: the glance leaves %d: %+v", n, left, p)
		}
		if n <= exhaustive && p.kept != n {
			t.Errorf("%d palms: a stage loses some: %+v", n, p)
		}
	}
}
