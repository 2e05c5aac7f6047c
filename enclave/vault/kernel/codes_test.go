package kernel

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSpread(t *testing.T) {
	var code [CoarseWords]uint64
	copy(code[:], words(source(12), CoarseWords))
	out := Spread(&code)
	for p := range Parts {
		for h := range 2 {
			for i := range 8 {
				if byte(out[8*h+i]>>(8*p)) != byte(code[2*p+h]>>(8*i)) {
					t.Fatalf("byte %d of word %d of part %d went elsewhere", i, h, p)
				}
			}
		}
	}
}

func variants(r *rand.Rand, n int) []Variant {
	list := make([]Variant, n)
	for i := range list {
		copy(list[i].Bits[:], words(r, CoarseWords))
		copy(list[i].Mask[:], words(r, CoarseWords))
		for p := range list[i].Bias {
			list[i].Bias[p] = uint8(r.IntN(100))
		}
	}
	list[0].Bias[3] = 200
	for w := range list[0].Mask {
		list[0].Mask[w] = math.MaxUint64
	}
	return list
}

func TestCoarse(t *testing.T) {
	for name, kind := range map[string]struct {
		score func(out []uint16, blocks []byte, probe []Variant)
		words int
	}{
		"coarse": {func(out []uint16, blocks []byte, probe []Variant) { Coarse(out, blocks, probe, blocks) }, CoarseWords},
		"glance": {Glance, GlanceWords},
	} {
		t.Run(name, func(t *testing.T) { testCoarse(t, kind.score, kind.words) })
	}
}

func testCoarse(t *testing.T, score func(out []uint16, blocks []byte, probe []Variant), words int) {
	each(t, func(t *testing.T) {
		r := source(2)
		rows, blocks := gallery(r, 160)
		if words == GlanceWords {
			blocks = glances(rows)
		}
		for _, n := range []int{1, 2, 9, 16} {
			probe, got := variants(r, n), make([]uint16, len(rows))
			score(got, blocks, probe)
			for i, g := range rows {
				want := 0
				for p := range Parts {
					least := 255
					for _, v := range probe {
						d := int(v.Bias[p])
						for w := range words {
							d += bits.OnesCount64((g[w] ^ v.Bits[w]) & v.Mask[w] & (0xff << (8 * p)))
						}
						least = min(least, d)
					}
					want += least
				}
				if int(got[i]) != want {
					t.Fatalf("%d variants, palm %d: %d, want %d", n, i, got[i], want)
				}
			}
		}
		worst := Variant{Bias: [Parts]uint8{0, 127, 128, 255, 0, 127, 128, 255}}
		for w := range worst.Mask {
			worst.Mask[w] = math.MaxUint64
		}
		got, want := make([]uint16, len(rows)), 0
		score(got, blocks, []Variant{worst})
		for _, b := range worst.Bias {
			want += min(int(b)+8*words, 255)
		}
		if int(got[1]) != want {
			t.Errorf("opposite codes score %d, want %d", got[1], want)
		}
		score(got, blocks, nil)
		if slices.ContainsFunc(got, func(v uint16) bool { return v != Worst }) {
			t.Error("no variant, and yet a score")
		}
		score(nil, nil, []Variant{worst})
	})
}

func TestFine(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(11)
		const palms = 40 // an odd number of blocks
		rows, blocks := make([][FineWords]uint64, palms), make([]byte, palms*FineBytes)
		for i := range rows {
			copy(rows[i][:], words(r, FineWords))
			if i%2 == 0 {
				SetFine(blocks, i, &rows[i])
				continue
			}
			var row []byte
			for _, w := range rows[i] {
				row = binary.LittleEndian.AppendUint64(row, w)
			}
			Prefetch(row)
			CopyFine(blocks, i, row)
		}
		Prefetch(nil)
		for _, n := range []int{1, 2, 45, 301} {
			probe := make([]FineVariant, n)
			for i := range probe {
				copy(probe[i].Bits[:], words(r, FineWords))
				copy(probe[i].Mask[:], words(r, FineWords))
				for p := range probe[i].Bias {
					probe[i].Bias[p] = uint32(r.IntN(100))
				}
			}
			probe[0].Bias = [Parts]uint32{5: MaxBias}
			for _, length := range []int{8, 16, palms} {
				got := make([]uint16, palms)
				Fine(got[:length], blocks[:length*FineBytes], probe)
				for i, g := range rows {
					want := 0
					for p := range Parts {
						least := math.MaxInt
						for _, v := range probe {
							d := int(v.Bias[p])
							for w := 6 * p; w < 6*p+6; w++ {
								d += bits.OnesCount64((g[w] ^ v.Bits[w]) & v.Mask[w])
							}
							least = min(least, d)
						}
						want += least
					}
					if i >= length {
						want = 0 // not written
					}
					if int(got[i]) != want {
						t.Fatalf("%d variants, palm %d of %d: %d, want %d", n, i, length, got[i], want)
					}
				}
			}
		}
		got := make([]uint16, palms)
		if Fine(got, blocks, nil); got[palms-1] != Worst {
			t.Error("no variant, and yet a score")
		}
		Fine(nil, nil, nil)
	})
}

func TestBelow(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(3)
		for _, n := range []int{0, 1, 31, 32, 33, 64, 100, 1000} {
			scores := make([]uint16, n)
			for i := range scores {
				scores[i] = uint16(r.Uint32()) | uint16(r.IntN(2))<<15
			}
			if n > 40 {
				scores[0], scores[31], scores[32], scores[40] = 0, 0x7fff, 0x8000, 0xffff
			}
			for _, bound := range []uint16{0, 1, 0x7fff, 0x8000, 0x8001, 0xc000, 0xffff} {
				var want []uint32
				for i, s := range scores {
					if s < bound {
						want = append(want, uint32(i))
					}
				}
				if got := CountBelow(scores, bound); got != len(want) {
					t.Fatalf("%d scores: %d below %d, want %d", n, got, bound, len(want))
				}
				for _, room := range []int{0, 1, 2, 7, 33, n, n + 5} {
					out := make([]uint32, room)
					got := Below(out, scores, bound)
					if got != min(room, len(want)) || !slices.Equal(out[:got], want[:got]) {
						t.Fatalf("%d scores below %d into %d: %v, want %v", n, bound, room, out[:got], want)
					}
					if slices.ContainsFunc(out[got:], func(v uint32) bool { return v != 0 }) {
						t.Fatalf("%d scores below %d into %d: something behind what was listed", n, bound, room)
					}
				}
			}
		}
	})
}

func TestDiffer(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(4)
		rows, _ := gallery(r, 16)
		groups, packed := make([]Group, 19), []byte(nil)
		for i := range groups {
			for lane := range groups[i].Bits {
				copy(groups[i].Bits[lane][:], words(r, CoarseWords))
			}
			copy(groups[i].Mask[:], words(r, CoarseWords))
		}
		for w := range CoarseWords {
			groups[0].Mask[w] = math.MaxUint64
			groups[0].Bits[3][w] = 0 // all bits of the second palm differ
		}
		for i := range groups {
			packed = Pack(packed, &groups[i])
		}
		got := make([]uint16, len(groups)*Lanes)
		for _, g := range rows {
			Differ(got, packed, &g)
			for i, n := range got {
				group, want := &groups[i/Lanes], 0
				for w := range g {
					want += bits.OnesCount64((g[w] ^ group.Bits[i%Lanes][w]) & group.Mask[w])
				}
				if int(n) != want {
					t.Fatalf("probe %d: %d, want %d", i, n, want)
				}
			}
		}
		Differ(nil, nil, &rows[0])
	})
}

func TestHamming(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, length := range []int{16, 64} {
			const n = 520
			r := source(uint64(length))
			rows, blocks := words(r, n*length), make([]byte, n*length*8)
			var probes [4][]uint64
			for i := range probes {
				probes[i] = words(r, length)
			}
			copy(rows, probes[0])
			for w := range length {
				rows[length+w] = ^probes[0][w]
			}
			for i := range n {
				for w := range length {
					binary.LittleEndian.PutUint64(blocks[i/8*length*64+w*64+i%8*8:], rows[i*length+w])
				}
			}
			var got [4][]uint16
			for i := range got {
				got[i] = make([]uint16, n)
			}
			check := func(how string, p int) {
				for i := range n {
					want := 0
					for w, q := range probes[p] {
						want += bits.OnesCount64(q ^ rows[i*length+w])
					}
					if int(got[p][i]) != want {
						t.Fatalf("%d words, %s, probe %d, code %d: %d, want %d", length, how, p, i, got[p][i], want)
					}
				}
			}
			Hamming4(&got, blocks, &probes)
			for p := range probes {
				check("four probes", p)
			}
			clear(got[0])
			Hamming(got[0], blocks, probes[0])
			check("one probe", 0)
			if got[0][0] != 0 || int(got[0][1]) != 64*length {
				t.Errorf("%d words: equal codes %d apart, opposite ones %d", length, got[0][0], got[0][1])
			}
		}
	})
}
