package search

import (
	"math/rand/v2"
	"testing"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
)

func randomPlanes(r *rand.Rand) (p matcher.Planes) {
	for k := range p.Bits {
		for y := range p.Bits[k] {
			p.Care[k][y] = r.Uint32() | r.Uint32()
			p.Bits[k][y] = r.Uint32() & p.Care[k][y]
		}
	}
	return p
}

// Every bit of a word is the cell that words.go says it is.
func TestWords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		band, dx, dy := r.IntN(2), r.IntN(2*reach+1)-reach, r.IntN(2*reach+1)-reach
		p := randomPlanes(r)
		var w words
		w.set(&p, band, dx, dy)
		for part := range kernel.Parts {
			for plane := range matcher.Orientations {
				for bit := range 64 {
					x := 2*(8*(part%2)+bit%8) + (6*(part/4)+plane)%2 - dx
					y := 2*(8*(part/2%2)+bit/8) + (6*(part/4)+plane)/2%2 - dy
					var want, care uint32
					if part/4 == band && x >= 0 && y >= 0 && x < matcher.Cells && y < matcher.Cells {
						want, care = p.Bits[plane][y]>>x&1, p.Care[plane][y]>>x&1
					}
					i := part*partWords + plane
					if w.bits[i]>>bit&1 != uint64(want) || w.care[i]>>bit&1 != uint64(care) {
						t.Fatalf("band %d moved by %d, %d: part %d orientation %d bit %d is wrong", band, dx, dy, part, plane, bit)
					}
				}
			}
		}
	}
}

// The coarse code keeps two orientations of every part.
func TestCoarseIsPartOfFine(t *testing.T) {
	var fine [kernel.FineWords]uint64
	for i := range fine {
		fine[i] = uint64(i)
	}
	want := [kernel.CoarseWords]uint64{1, 2, 7, 8, 13, 14, 19, 20, 28, 29, 34, 35, 40, 41, 46, 47}
	if got := coarse(&fine); got != kernel.Spread(&want) {
		t.Errorf("words %d, want %d", got, want)
	}
}

// The first variants of a probe lie on the words of the same capture: the
// score of a palm for itself is what has no say, and nothing more.
func TestVariants(t *testing.T) {
	c := drawn(t, 5, 1)
	p := matcher.NewProbe(c)
	codes := newProbeCodes()
	codes.set(p, plan{glance: 9, coarse: 9})
	if len(codes.coarse) != 9 || len(codes.fine) != len(variants) {
		t.Fatalf("%d and %d variants", len(codes.coarse), len(codes.fine))
	}
	for i, v := range variants {
		var w words
		for b, band := range bands {
			planes, ok := p.Planes(band, v.pose)
			if !ok {
				t.Fatal("no pose", v.pose)
			}
			w.set(&planes, b, v.dx, v.dy)
		}
		if codes.fine[i].Bits != w.bits || codes.fine[i].Mask != w.care {
			t.Fatalf("variant %d %+v is wrong", i, v)
		}
		if i < 9 && (v.pose != 0 || max(v.dx, -v.dx, v.dy, -v.dy) > 3 || codes.coarse[i].Bits != coarse(&w.bits)) {
			t.Fatalf("coarse variant %d %+v is wrong", i, v)
		}
	}
	own := enrolled([]*matcher.Capture{c})
	block := make([]byte, kernel.FineBlock)
	kernel.SetFine(block, 3, &own)
	var scores [kernel.Lanes]uint16
	kernel.Fine(scores[:], block, codes.fine)
	if limit := uint16(64 * kernel.FineWords / 5); scores[3] > limit || scores[2] < 2*limit {
		t.Errorf("a palm scores %d for itself, nothing scores %d", scores[3], scores[2])
	}
	codes.wipe()
	for i := range codes.fine {
		if codes.fine[i] != (kernel.FineVariant{}) {
			t.Fatal("a variant is left")
		}
	}
}

// Captures outvote one that is off, wherever each of them lies.
func TestEnrolledIsTheMajority(t *testing.T) {
	a, b, c := drawn(t, 5, 1), drawn(t, 5, 2), drawn(t, 5, 3)
	stranger := drawn(t, 6, 1)
	all := enrolled([]*matcher.Capture{a, b, c})
	with := enrolled([]*matcher.Capture{stranger, a, b, c})
	alone := enrolled([]*matcher.Capture{stranger})
	if near, far := differ(&all, &with), differ(&all, &alone); near > far/2 {
		t.Errorf("a stranger's capture among four moves the code by %d bits, the stranger lies %d away", near, far)
	}
	if again := enrolled([]*matcher.Capture{a, b, c}); again != all {
		t.Error("one palm has two codes")
	}
}
