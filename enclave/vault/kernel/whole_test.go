package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

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
