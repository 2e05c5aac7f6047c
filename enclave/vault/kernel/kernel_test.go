package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every tier of this machine gives, bit for bit, what plain Go gives, and plain Go gives
// what the definitions in the comments say, worked out here in another way.

// each runs a test on every tier.
func each(t *testing.T, f func(t *testing.T)) {
	for _, tier := range Tiers() {
		t.Run(tier.String(), func(t *testing.T) {
			defer Use(tier)()
			f(t)
		})
	}
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func words(r *rand.Rand, n int) []uint64 {
	w := make([]uint64, n)
	for i := range w {
		w[i] = r.Uint64()
	}
	return w
}

// gallery makes random palms, the first of them all zeros and the second all ones.
func gallery(r *rand.Rand, n int) (rows [][CoarseWords]uint64, blocks []byte) {
	rows, blocks = make([][CoarseWords]uint64, n), make([]byte, n*CoarseBytes)
	for i := range rows {
		copy(rows[i][:], words(r, CoarseWords))
	}
	rows[0] = [CoarseWords]uint64{}
	for w := range rows[1] {
		rows[1][w] = math.MaxUint64
	}
	for i := range rows {
		SetCoarse(blocks, i, &rows[i])
	}
	return rows, blocks
}

func TestTiers(t *testing.T) {
	list := Tiers()
	if list[0] != Plain || !slices.IsSorted(list) || Active() != list[len(list)-1] {
		t.Errorf("%v, active is %v", list, Active())
	}
	t.Log(list)
	defer func() {
		if recover() == nil {
			t.Error("a tier that no machine has was taken")
		}
	}()
	Use(Tier(99))
}

func TestCoarseLayout(t *testing.T) {
	rows, blocks := gallery(source(1), 24)
	for i, row := range rows {
		if GetCoarse(blocks, i) != row {
			t.Fatalf("palm %d reads back as another", i)
		}
		for w, v := range row {
			if binary.LittleEndian.Uint64(blocks[i/8*1024+64*w+8*(i%8):]) != v {
				t.Fatalf("palm %d, word %d lies elsewhere", i, w)
			}
		}
	}
}

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
	each(t, func(t *testing.T) {
		r := source(2)
		rows, blocks := gallery(r, 160)
		for _, n := range []int{1, 2, 9, 16} {
			probe, got := variants(r, n), make([]uint16, len(rows))
			Coarse(got, blocks, probe)
			for i, g := range rows {
				want := 0
				for p := range Parts {
					least := 255
					for _, v := range probe {
						d := int(v.Bias[p])
						for w := range CoarseWords {
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
		got := make([]uint16, len(rows))
		Coarse(got, blocks, []Variant{worst})
		if want := uint16(2 * (128 + 255 + 255 + 255)); got[1] != want {
			t.Errorf("opposite codes score %d, want %d", got[1], want)
		}
		Coarse(got, blocks, nil)
		if slices.ContainsFunc(got, func(v uint16) bool { return v != Worst }) {
			t.Error("no variant, and yet a score")
		}
		Coarse(nil, nil, []Variant{worst})
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

func codes(r *rand.Rand) (*Moved, *Code) {
	p, c := new(Moved), new(Code)
	for y := range p.Bits {
		for w := range RowWords {
			p.Bits[y][w], p.Care[y][w] = r.Uint64(), r.Uint64()|r.Uint64()
		}
	}
	for y := range c.Bits {
		for w := range RowWords {
			c.Bits[y][w], c.Care[y][w] = r.Uint64(), r.Uint64()|r.Uint64()
		}
	}
	return p, c
}

func TestWholeAndBlocks(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(5)
		type pair struct {
			p *Moved
			c *Code
		}
		var pairs []pair
		for range 5 {
			p, c := codes(r)
			pairs = append(pairs, pair{p, c})
		}
		all, none := new(Moved), new(Code) // everything differs, and all of it counts
		for y := range all.Care {
			all.Care[y] = [RowWords]uint64{math.MaxUint64, math.MaxUint64, math.MaxUint64}
			all.Bits[y] = all.Care[y]
		}
		for y := range none.Care {
			none.Care[y] = all.Care[0]
		}
		pairs = append(pairs, pair{all, none}, pair{new(Moved), none})
		for i, x := range pairs {
			for dy := -Reach; dy <= Reach; dy++ {
				var want [16]Count
				var sum Count
				for y := range Side {
					for x0 := range Side {
						for plane := range 2 * RowWords {
							bit := func(rows [][RowWords]uint64, y int) bool {
								return rows[y][plane%3]>>(plane/3*32+x0)&1 == 1
							}
							if !bit(x.c.Care[:], y) || !bit(x.p.Care[:], y-dy+Reach) {
								continue
							}
							for _, c := range []*Count{&want[y/8*4+x0/8], &sum} {
								c.Valid++
								if bit(x.c.Bits[:], y) != bit(x.p.Bits[:], y-dy+Reach) {
									c.Differ++
								}
							}
						}
					}
				}
				var got [16]Count
				Blocks(&got, x.p, x.c, dy)
				if got != want {
					t.Fatalf("pair %d moved by %d: blocks %v, want %v", i, dy, got, want)
				}
				if got := Whole(x.p, x.c, dy); got != sum {
					t.Fatalf("pair %d moved by %d: %v, want %v", i, dy, got, sum)
				}
			}
		}
	})
}

func TestMove(t *testing.T) {
	each(t, func(t *testing.T) {
		m, c := codes(source(13))
		for dx := 1 - Side; dx < Side; dx++ {
			before := *m
			Move(m, c, dx)
			for y := range m.Bits {
				for x := range Side {
					for plane := range 2 * RowWords {
						w, half := plane%RowWords, plane/RowWords*32
						for _, rows := range [2]struct{ got, was, code [][RowWords]uint64 }{
							{m.Bits[:], before.Bits[:], c.Bits[:]}, {m.Care[:], before.Care[:], c.Care[:]},
						} {
							want := uint64(0)
							if y < Reach || y >= Reach+Side {
								want = rows.was[y][w] >> (half + x) & 1
							} else if from := x - dx; from >= 0 && from < Side {
								want = rows.code[y-Reach][w] >> (half + from) & 1
							}
							if rows.got[y][w]>>(half+x)&1 != want {
								t.Fatalf("moved by %d: row %d, column %d of plane %d is wrong", dx, y, x, plane)
							}
						}
					}
				}
			}
		}
	})
}

func TestStretch(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(14)
		for _, stiffness := range []int32{0, 1, 204, 5000} {
			var next, out, before, cost, more Costs
			for i := range before {
				for c := range before[i] {
					before[i][c], cost[i][c], more[i][c] = r.Int32N(20_000)-5000, r.Int32N(4096), r.Int32N(4096)
				}
			}
			Stretch(&next, &out, &before, &cost, &more, stiffness)
			for c := range Chains {
				var message [Bends]int32
				least := int32(math.MaxInt32)
				for i := range message {
					message[i] = math.MaxInt32
					for j := range Bends {
						dx, dy := int32(i%5-j%5), int32(i/5-j/5)
						message[i] = min(message[i], before[j][c]+stiffness*(dx*dx+dy*dy))
					}
					least = min(least, message[i])
				}
				for i, m := range message {
					if next[i][c] != cost[i][c]+m-least || out[i][c] != more[i][c]+m-least {
						t.Fatalf("stiffness %d, chain %d, displacement %d: %d and %d for a message of %d", stiffness, c, i, next[i][c], out[i][c], m-least)
					}
				}
			}
			again, both := cost, more
			Stretch(&again, &both, &before, &again, &both, stiffness)
			if again != next || both != out {
				t.Fatal("in place, another result")
			}
		}
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

func TestFilter(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(7)
		const stride = 96
		field := make([]int16, stride*80)
		for i := range field {
			field[i] = int16(r.IntN(2049) - 1024)
		}
		field[0], field[1] = math.MinInt16, math.MinInt16 // the one product that no 16-bit pair holds
		for _, rows := range []int{1, 2, 21} {
			for _, n := range []int{1, 2, 3, 64, 101} {
				taps := make([]int16, rows*Filters*Taps)
				for i := range taps {
					taps[i] = int16(r.IntN(4096) - 2048)
				}
				taps[0], taps[1] = math.MinInt16, math.MinInt16
				centres := make([]int32, n)
				for i := range centres[1:] {
					centres[i+1] = int32(r.IntN(len(field) - (rows-1)*stride - Taps + 1))
				}
				centres[n/2] = int32(len(field) - (rows-1)*stride - Taps)
				got := make([]int32, Filters*n)
				Filter(got, field, stride, centres, taps)
				for k := range Filters {
					for i, c := range centres {
						want := int64(0)
						for row := range rows {
							for col := range Taps {
								want += int64(taps[(row*Filters+k)*Taps+col]) * int64(field[int(c)+row*stride+col])
							}
						}
						if got[k*n+i] != int32(want) {
							t.Fatalf("%d rows, filter %d, centre %d of %d: %d, want %d", rows, k, i, n, got[k*n+i], int32(want))
						}
					}
				}
			}
		}
	})
}

// Lengths that do not fit panic before any assembly runs, which would not notice.
func TestMisusePanics(t *testing.T) {
	var code [CoarseWords]uint64
	out, block := make([]uint16, 8), make([]byte, 1024)
	probe := []Variant{{}}
	for name, f := range map[string]func(){
		"coarse, half a block":       func() { Coarse(out[:4], block[:512], probe) },
		"coarse, too few scores":     func() { Coarse(out[:7], block, probe) },
		"move, beyond the side":      func() { Move(new(Moved), new(Code), Side) },
		"differ, half a group":       func() { Differ(out[:4], make([]byte, GroupBytes/2), &code) },
		"differ, too many numbers":   func() { Differ(make([]uint16, 9), make([]byte, GroupBytes), &code) },
		"whole, beyond the reach":    func() { Whole(new(Moved), new(Code), Reach+1) },
		"blocks, beyond the reach":   func() { Blocks(new([16]Count), new(Moved), new(Code), -Reach-1) },
		"hamming, odd probe":         func() { Hamming(out, block, make([]uint64, 17)) },
		"hamming, too few distances": func() { Hamming(out[:7], block, make([]uint64, 16)) },
		"hamming4, probes of two kinds": func() {
			Hamming4(&[4][]uint16{nil, nil, nil, nil}, nil, &[4][]uint64{make([]uint64, 16), make([]uint64, 64), make([]uint64, 16), make([]uint64, 16)})
		},
		"filter, window beyond":          func() { Filter(make([]int32, 6), make([]int16, 40), 1, []int32{9}, make([]int16, 6*32)) },
		"filter, window before":          func() { Filter(make([]int32, 6), make([]int16, 40), 1, []int32{-1}, make([]int16, 6*32)) },
		"filter, second row beyond":      func() { Filter(make([]int32, 6), make([]int16, 40), 9, []int32{0}, make([]int16, 2*6*32)) },
		"filter, no taps":                func() { Filter(make([]int32, 6), make([]int16, 40), 1, []int32{0}, nil) },
		"filter, sums of another length": func() { Filter(make([]int32, 5), make([]int16, 40), 1, []int32{0}, make([]int16, 6*32)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestNothingIsAllocated(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(8)
		rows, blocks := gallery(r, 64)
		out, list := make([]uint16, 64), make([]uint32, 64)
		probe := variants(r, 9)
		packed := Pack(nil, new(Group))
		p, c := codes(r)
		var counts [16]Count
		var costs Costs
		taps, field, sums, centres := make([]int16, 2*6*32), make([]int16, 4096), make([]int32, 12), []int32{5, 9}
		if n := testing.AllocsPerRun(10, func() {
			Coarse(out, blocks, probe)
			Below(list, out, 500)
			Differ(out[:8], packed, &rows[3])
			Move(p, c, 4)
			Stretch(&costs, &costs, &costs, &costs, &costs, 1)
			Whole(p, c, 3)
			Blocks(&counts, p, c, -3)
			Hamming(out, blocks, rows[2][:])
			Filter(sums, field, 64, centres, taps)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// Ratios within one run mean something here; figures alone do not.
func BenchmarkCoarse(b *testing.B) {
	r := source(9)
	_, blocks := gallery(r, 8192) // 1 MiB: stays in the second cache
	out, probe := make([]uint16, 8192), variants(r, 9)
	for _, tier := range Tiers() {
		b.Run(fmt.Sprint(tier), func(b *testing.B) {
			defer Use(tier)()
			for b.Loop() {
				Coarse(out, blocks, probe)
			}
			b.ReportMetric(8192*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpalms/s")
		})
	}
}

func BenchmarkStageTwo(b *testing.B) {
	r := source(10)
	p, c := codes(r)
	rows, _ := gallery(r, 8)
	packed, out := make([]byte, 18*GroupBytes), make([]uint16, 144)
	var counts [16]Count
	taps, field, sums, centres := make([]int16, 21*6*32), make([]int16, 1<<16), make([]int32, 6*1024), make([]int32, 1024)
	for _, tier := range Tiers() {
		for name, f := range map[string]func(){
			"Differ144":  func() { Differ(out, packed, &rows[0]) },
			"Whole":      func() { Whole(p, c, 3) },
			"Blocks":     func() { Blocks(&counts, p, c, 3) },
			"Filter1024": func() { Filter(sums, field, 112, centres, taps) },
		} {
			b.Run(fmt.Sprintf("%v/%s", tier, name), func(b *testing.B) {
				defer Use(tier)()
				for b.Loop() {
					f()
				}
			})
		}
	}
}
