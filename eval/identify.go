package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

// FalsePositiveRates are the shares of strangers' searches that a report lists.
var FalsePositiveRates = [...]struct {
	Name string
	Rate float64
}{{"1e-2", 1e-2}, {"1e-3", 1e-3}, {"1e-4", 1e-4}}

// A Found is what one search found, with its mate in the gallery and as if it were not.
type Found struct {
	Mate  float64 // distance of the mate, matcher.Farthest where the search did not look at it in full
	Other float64 // of the nearest stranger

	Lost1 bool // the first stage left the mate out
	Lost  bool // a later stage did

	Decided [len(FalsePositiveRates)]struct {
		Named, Wrong, Ambiguous bool // with the mate in the gallery: the mate, somebody else
		Stranger                bool // without it: somebody
	}
	Bands matcher.Bands
}

// Searches is what a run of identification measured.
type Searches struct {
	Found    []Found
	Palms    int // that a search goes through
	Captures int // of them
	Samples  int
	Failed   []string
	Times    struct{ search, probe durations }
}

// Identify searches for every probe among size palms of its hand: the
// enrolled ones (the first o.Enrol captures of each palm, 1 where it is 0), and as many fillers from a number on as there is room
// for. A probe whose palm is not enrolled is left out.
func Identify(ctx context.Context, gallery, probes []Sample, fillers *Fillers, from, size int, o Options) (*Searches, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Enrol = max(o.Enrol, 1)
	gallery = first(gallery, o.Enrol)
	r := &run{options: o, failed: map[string]bool{}, poor: map[string]bool{}, inGallery: map[string]bool{}, inProbes: map[string]bool{}}
	if err := r.enrol(ctx, gallery); err != nil {
		return nil, err
	}
	if len(r.entries) == 0 {
		return nil, errors.New("eval: no palm of the gallery could be enrolled")
	}
	g := newPool()
	defer g.close()
	if err := g.enrol(r.entries); err != nil {
		return nil, err
	}
	if err := fillers.Grow(ctx, from+size, o.Workers, o.Progress); err != nil {
		return nil, err
	}
	if err := g.fill(fillers, from, size); err != nil {
		return nil, err
	}
	out := &Searches{Palms: size}
	for _, n := range g.captures {
		out.Captures = max(out.Captures, n)
	}
	err := r.each(ctx, "searches", len(probes), func(i int) error {
		s := &probes[i]
		mate, enrolled := g.mates[s.Palm]
		if !enrolled {
			return nil
		}
		c, _, err := r.encode(s)
		if err != nil || c == nil {
			return err
		}
		defer c.Wipe()
		began := time.Now()
		p := matcher.NewProbe(c)
		defer p.Wipe()
		ready := time.Now()
		found, err := g.search(p, mate, &o)
		if err != nil {
			return err
		}
		took := time.Since(ready)
		g.lose(p, mate, &found)
		r.lock.Lock()
		defer r.lock.Unlock()
		out.Found = append(out.Found, found)
		out.Times.probe.add(ready.Sub(began))
		out.Times.search.add(took)
		return nil
	})
	if err != nil {
		return nil, err
	}
	scores := r.finish(gallery, probes)
	out.Samples, out.Failed = scores.Samples, scores.Failed
	return out, nil
}

// first keeps the first k samples of each palm.
func first(samples []Sample, k int) []Sample {
	seen := map[string]int{}
	var out []Sample
	for _, s := range samples {
		if seen[s.Palm]++; seen[s.Palm] <= k {
			out = append(out, s)
		}
	}
	return out
}

// search does what search.Index.Search does, step by step: the stages' short
// list, the nearest capture of each palm on it, and the decision, with and without the mate.
func (g *pool) search(p *matcher.Probe, mate wire.Person, o *Options) (f Found, err error) {
	x := g.index[p.Hand()]
	if x == nil {
		return f, fmt.Errorf("eval: no %v palm is enrolled", p.Hand())
	}
	f.Mate, f.Other, f.Lost = matcher.Farthest, matcher.Farthest, true
	var with, without []matcher.Near
	for _, who := range x.Shortlist(p) {
		captures := x.Captures(who)
		near, n := matcher.Nearest(p, &matcher.Entry{Person: who, Hand: p.Hand(), Captures: captures})
		for _, c := range captures {
			c.Wipe()
		}
		if n == 0 {
			continue
		}
		with = append(with, near)
		if who == mate {
			f.Mate, f.Lost, f.Bands = near.Score.Fused, false, near.Score.Bands
			continue
		}
		without = append(without, near)
		f.Other = min(f.Other, near.Score.Fused)
		f.Bands |= near.Score.Bands
	}
	compared := g.captures[p.Hand()]
	for i, rate := range FalsePositiveRates {
		policy := o.policy(rate.Rate)
		d := &f.Decided[i]
		r := matcher.Decide(with, compared, policy)
		d.Named, d.Wrong, d.Ambiguous = r.Found && r.Person == mate, r.Found && r.Person != mate, r.Ambiguous
		d.Stranger = matcher.Decide(without, compared, policy).Found
	}
	return f, nil
}

// lose says by which stage a mate that was not looked at was left out.
func (g *pool) lose(p *matcher.Probe, mate wire.Person, f *Found) {
	rank, kept, ok := g.index[p.Hand()].Rank(p, mate)
	f.Lost1 = !ok || rank >= kept
	f.Lost = f.Lost && !f.Lost1
}
