package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
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

// glances lays palms out for Glance.
func glances(rows [][CoarseWords]uint64) []byte {
	blocks := make([]byte, len(rows)*GlanceBytes)
	for i := range rows {
		SetGlance(blocks, i, &rows[i])
	}
	return blocks
}

// Palms that are gathered read as they were, and what is beside them stays.
func TestGather(t *testing.T) {
	rows, _ := gallery(source(5), 72)
	from, rest := glances(rows), []byte(nil)
	for _, row := range rows {
		for _, w := range row[GlanceWords:] {
			rest = binary.LittleEndian.AppendUint64(rest, w)
		}
	}
	each(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 7, 8, 9, 31, 40} {
			to, slots := bytes.Repeat([]byte{0xa5}, 6*CoarseBlock), make([]uint32, n)
			for i := range slots {
				slots[i] = uint32(i * 31 % len(rows))
			}
			Gather(to, slots, from, rest)
			for i, slot := range slots {
				if GetCoarse(to, i) != rows[slot] {
					t.Fatalf("of %d palms, %d reads as another", n, i)
				}
			}
			for i := n; i < 48; i++ {
				if GetCoarse(to, i)[i%CoarseWords] != 0xa5a5a5a5a5a5a5a5 {
					t.Fatalf("after %d palms, lane %d was written", n, i)
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
		"coarse, half a block":       func() { Coarse(out[:4], block[:512], probe, nil) },
		"coarse, too few scores":     func() { Coarse(out[:7], block, probe, nil) },
		"glance, half a block":       func() { Glance(out[:4], block[:256], probe) },
		"gather, beyond the blocks":  func() { Gather(block, make([]uint32, 9), block, block) },
		"gather, no such slot":       func() { Gather(block, []uint32{16}, block, make([]byte, 17*RestBytes)) },
		"gather, no such row":        func() { Gather(block, []uint32{8}, block, block[:8*RestBytes]) },
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
			Coarse(out, blocks, probe, nil)
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
				Coarse(out, blocks, probe, nil)
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
