package search

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

var benchPalms = flag.Int("search.palms", 100_000, "palms that BenchmarkSearch searches among")

// fillShared adds palms that have chance codes of their own for the stages before the
// matcher, and share the captures of a few, so that millions fit into memory.
func (x *Index) fillShared(tb testing.TB, n int) {
	tb.Helper()
	const captures = 3
	r := rand.New(rand.NewPCG(1, 2))
	var rows [512]uint32
	if err := x.templates.room(len(rows)); err != nil {
		tb.Fatal(err)
	}
	for i := range rows {
		b, err := random(tb, r).MarshalBinary()
		if err != nil {
			tb.Fatal(err)
		}
		rows[i] = x.templates.put(b)
	}
	if err := x.resize(n); err != nil {
		tb.Fatal(err)
	}
	x.palms = make([]palm, n)
	var code [kernel.FineWords]uint64
	for i := range x.palms {
		p := palm{person: person(i), n: captures}
		for j := range captures {
			p.rows[j], p.sets[j] = rows[r.IntN(len(rows))], matcher.BothBands
		}
		x.palms[i] = p
		for w := range code {
			code[w] = r.Uint64()
		}
		x.setCode(i, &code)
	}
	x.captures[matcher.BothBands] += captures * n
}

// BenchmarkSearch measures a whole search, without the making of the probe:
//
//	go test ./enclave/vault/search -run '^$' -bench Search -search.palms 1000000
func BenchmarkSearch(b *testing.B) {
	x := New(wire.Left)
	defer x.Close()
	x.fillShared(b, *benchPalms)
	p := matcher.NewProbe(drawn(b, 1, 1))
	x.Search(p, sure)
	var took []time.Duration
	least := time.Hour
	for b.Loop() {
		start, worked := time.Now(), processorTime()
		x.Search(p, sure)
		took, least = append(took, time.Since(start)), min(least, processorTime()-worked)
	}
	slices.Sort(took)
	at := func(share float64) float64 { return took[int(share*float64(len(took)-1))].Seconds() * 1e3 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.95), "p95-ms")
	b.ReportMetric(least.Seconds()*1e3, "cpu-ms")
	b.ReportMetric(float64(x.glance.Size()+x.rest.Size()+x.fine.Size())/float64(*benchPalms), "B/palm")
	plan := planFor(*benchPalms)
	b.Logf("%s: %d variants at a glance on %d palms, %d on %d of each %d, %d on %d, %d on %d, %d to the matcher", kernel.Active(), plan.glance, *benchPalms,
		plan.coarse, plan.near, tilePalms,
		plan.fine, plan.kept, len(variants), plan.keptFine, plan.shortlist)
}

// processorTime is what all processors have spent on this program, which
// other programs on a busy machine change less than the clock.
func processorTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkStages measures the stages apart.
func BenchmarkStages(b *testing.B) {
	x := New(wire.Left)
	defer x.Close()
	x.fillShared(b, *benchPalms)
	p := matcher.NewProbe(drawn(b, 1, 1))
	s := borrow()
	defer s.giveBack()
	for _, stage := range []struct {
		name string
		run  func()
	}{
		{"begin", func() { s.begin(x, p) }},
		{"first", func() { s.keys = s.keys[:0]; s.first() }},
		{"fine", func() { s.fine(s.plan.fine, s.plan.kept) }},
		{"third", func() { s.keys = s.keys[:s.plan.keptFine]; s.fine(len(s.codes.fine), s.plan.keptFine) }},
		{"matcher", func() { s.keys = s.keys[:s.plan.shortlist]; s.decide(sure) }},
	} {
		b.Run(fmt.Sprint(stage.name, "/", *benchPalms), func(b *testing.B) {
			for b.Loop() {
				stage.run()
			}
		})
	}
}

// TestCostIsLinear: with ten times the palms and the same plan a search takes the processors about ten
// times as long, and never a hundred times.
func TestCostIsLinear(t *testing.T) {
	plan := func(int) plan {
		return plan{glance: 9, near: 64, coarse: 9, kept: 64, fine: 9, keptFine: 16, shortlist: 1}
	}
	p := matcher.NewProbe(drawn(t, 1, 1))
	took := func(n int) time.Duration {
		x := New(wire.Left)
		defer x.Close()
		x.fillShared(t, n)
		x.planFor = plan
		best := time.Hour
		for range 5 {
			worked := processorTime()
			x.Search(p, sure)
			best = min(best, processorTime()-worked)
		}
		return best
	}
	few, many := took(20_000), took(200_000)
	if ratio := float64(many) / float64(few); ratio > 40 {
		t.Errorf("%v for 20,000 palms, %v for 200,000", few, many)
	}
}
