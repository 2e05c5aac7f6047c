package main

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"volar/enclave/vault/kernel"
)

// distance is the share of the bits that both codes rely upon that differ.
func distance(a, b *code) float64 {
	differ, n := 0, 0
	for k := range a.bits {
		for y := range a.bits[k] {
			care := a.care[k][y] & b.care[k][y]
			differ += bits.OnesCount32((a.bits[k][y] ^ b.bits[k][y]) & care)
			n += bits.OnesCount32(care)
		}
	}
	return float64(differ) / float64(n)
}

// Synthetic codes have the statistics that README.md claims.
func TestCodes(t *testing.T) {
	x := newTexture(1)
	sum, least, neighbours, cellsSeen := 0.0, 1.0, 0, 0
	const pairs = 2000
	for i := range uint64(pairs) {
		a := x.palm(i, 0, 0)
		d := distance(a, x.palm(i+pairs, 0, 0))
		sum, least = sum+d, min(least, d)
		for y := range a.bits[0] {
			both := a.care[0][y] & (a.care[0][y] >> 1) & (1<<31 - 1)
			neighbours += bits.OnesCount32(both &^ (a.bits[0][y] ^ a.bits[0][y]>>1))
			cellsSeen += bits.OnesCount32(both)
		}
	}
	if mean := sum / pairs; mean < 0.49 || mean > 0.51 || least < 0.3 {
		t.Errorf("strangers are %.3f apart, %.3f at least", mean, least)
	}
	if share := float64(neighbours) / float64(cellsSeen); share < 0.7 || share > 0.9 {
		t.Errorf("%.2f of neighbouring cells agree", share)
	}
	for i := range uint64(20) {
		if d := distance(x.palm(i, 0, 0), x.mate(i, 1, 0, 0)); d < 0.15 || d > 0.35 {
			t.Errorf("a mate is %.3f away", d)
		}
	}
}

// A palm's score for itself, at the shift it was moved by, is what is unknown and little more.
func TestSparseFindsTheShift(t *testing.T) {
	x := newTexture(1)
	block := make([]byte, kernel.CoarseBlock)
	for i := range kernel.Lanes {
		c := sparse(x.palm(uint64(i), 0, 0), 0, 0)
		kernel.SetCoarse(block, i, &c.Bits)
	}
	moved := x.palm(3, 2, 0)
	var out [kernel.Lanes]uint16
	kernel.Coarse(out[:], block, []kernel.Variant{sparse(moved, -2, 0)}, nil)
	if i := slices.Index(out[:], slices.Min(out[:])); i != 3 || out[3] > out[2]/2 {
		t.Errorf("scores %d", out)
	}
	kernel.Coarse(out[:], block, []kernel.Variant{sparse(moved, 2, 0)}, nil)
	if out[3] < out[2]/2 {
		t.Errorf("the wrong shift scores %d among %d", out[3], out)
	}
}

func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	scores := make([]uint16, 5000)
	for i := range scores {
		scores[i] = uint16(i + r.IntN(3000)) // early ones fill the list of hits
	}
	scores[777], scores[4999] = 1, 0
	var l nearest
	for at := 0; at < len(scores); at += 1000 {
		l.offer(scores[at:at+1000], at)
	}
	want := slices.Sorted(slices.Values(scores))[:nearestK]
	if !slices.Equal(l.scores[:], want) || l.ids[0] != 4999 || l.ids[1] != 777 {
		t.Errorf("%d at %d, want %d", l.scores, l.ids, want)
	}
}

func TestTable(t *testing.T) {
	b := bench{Machine: "a machine", part: "scan"}
	b.add("speed", 1234.5, "M/s", "a note")
	b.least("share", 0.9, "of all", 0.85, "")
	b.below("time", 25, "ms", 20, "")
	var out strings.Builder
	if err := b.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1234 M/s", "a note", "0.90 of all  >= 0.85  met", "25.0 ms      < 20  MISSED"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestMetric(t *testing.T) {
	text := []byte("BenchmarkSearch-2  40  46164691 ns/op  536.8 B/palm  15.35 p50-ms  1.7e+01 p95-ms\n")
	if metric(text, "p50-ms") != 15.35 || metric(text, "p95-ms") != 17 || metric(text, "B/palm") != 536.8 || metric(text, "none") != 0 {
		t.Error("misread")
	}
}

// What reads for the bandwidth reads everything: a byte at the end counts.
func TestRead(t *testing.T) {
	for _, tier := range kernel.Tiers() {
		restore := kernel.Use(tier)
		b := make([]byte, 8192)
		for i := 0; i < len(b); i += 64 {
			before := read(b)
			b[i]++
			if read(b) == before {
				t.Errorf("%v: the byte at %d is not read", tier, i)
			}
		}
		restore()
	}
}
