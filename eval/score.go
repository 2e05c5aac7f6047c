package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"volar/enclave/vault/matcher"
)

// Options of a run.
type Options struct {
	// Enrol is how many captures of a palm form its gallery entry, whose
	// nearest counts. 0 compares capture with capture.
	Enrol int
	// Gate is the quality (matcher.Capture.Quality) under which a capture is
	// refused in the rates with the gate; what matcher.Encode refuses by itself has failed in all.
	Gate float64
	// Scheme codes gallery and probes; nil is the plain one.
	Scheme *matcher.Scheme
	// Workers is how many probes are scored at once; 0 is one a processor.
	Workers int
	// Progress, where set, is told after each step of each stage; calls do not overlap.
	Progress func(stage string, done, total int)
}

// Distances are the scores of one band or of the fusion, in no order.
type Distances struct {
	Genuine, Impostor []float64
}

// Decisions counts what the product's own decision makes of the pairs when it
// is asked for one of FalseMatchRates a comparison.
type Decisions struct {
	GenuineRefused, ImpostorAccepted int
}

// Scores is what a run measured.
type Scores struct {
	Fused, RGB, NIR Distances // RGB and NIR are empty where the band is not measured
	Decisions       [len(FalseMatchRates)]Decisions
	Samples         int      // distinct samples that were tried
	Failed          []string // samples that no code could be made of

	// Gated are the fused distances of the pairs whose samples the gate takes.
	// Refused are those that it does not, beside Failed.
	Gated   Distances
	Refused []string

	Groups map[Trait]*Distances // fused: genuine pairs by the probe's traits, impostor pairs where both share one
	Worst  Worst
	Times  Times
}

// An entry is what the gallery holds of a palm: one capture, or the first Enrol of them.
type entry struct {
	palm     string
	captures []*enrolled
}

// An enrolled capture, with what is known of its sample.
type enrolled struct {
	sample  *Sample
	capture *matcher.Capture
	poor    bool
	traits  []Trait
}

// Run scores every probe against every gallery entry with the product's
// own path: the gallery is made of templates that were written and read back,
// the probes of views. Samples that cannot be encoded count as failed and take part in no pair.
func Run(ctx context.Context, gallery, probes []Sample, o Options) (*Scores, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	r := &run{options: o, thresholds: o.thresholds(), failed: map[string]bool{}, poor: map[string]bool{}, inGallery: map[string]bool{}, inProbes: map[string]bool{}}
	for _, s := range gallery {
		r.inGallery[s.ID] = true
	}
	for _, s := range probes {
		r.inProbes[s.ID] = true
	}
	if err := r.enrol(ctx, gallery); err != nil {
		return nil, err
	}
	if err := r.probe(ctx, probes); err != nil {
		return nil, err
	}
	return r.finish(gallery, probes), nil
}

type run struct {
	options             Options
	thresholds          thresholds
	inGallery, inProbes map[string]bool
	entries             []entry

	lock   sync.Mutex // guards what follows
	done   int
	failed map[string]bool
	poor   map[string]bool
	scores Scores
}

// enrol encodes the gallery and groups it into entries.
func (r *run) enrol(ctx context.Context, gallery []Sample) error {
	captures := make([]*enrolled, len(gallery))
	err := r.each(ctx, "gallery", len(gallery), func(i int) error {
		c, poor, err := r.encode(&gallery[i])
		if err != nil || c == nil {
			return err
		}
		defer c.Wipe()
		template, err := c.MarshalBinary()
		if err != nil {
			return err
		}
		captures[i] = &enrolled{sample: &gallery[i], poor: poor, traits: gallery[i].traits()}
		captures[i].capture, err = matcher.ParseCapture(template)
		return err
	})
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, c := range captures {
		if c == nil {
			continue
		}
		s := &gallery[i]
		if n, known := at[s.Palm]; known && r.options.Enrol > 0 {
			if e := &r.entries[n]; len(e.captures) < r.options.Enrol {
				e.captures = append(e.captures, c)
			}
			continue
		}
		at[s.Palm] = len(r.entries)
		r.entries = append(r.entries, entry{s.Palm, []*enrolled{c}})
	}
	return nil
}

// probe scores all probes against all entries.
func (r *run) probe(ctx context.Context, probes []Sample) error {
	return r.each(ctx, "probes", len(probes), func(i int) error {
		s := &probes[i]
		c, poor, err := r.encode(s)
		if err != nil || c == nil {
			return err
		}
		defer c.Wipe()
		began := time.Now()
		p := matcher.NewProbe(c)
		defer p.Wipe()
		ready := time.Now()
		presented := &probed{probe: p, sample: s, poor: poor, traits: s.traits()}
		found := Scores{Groups: map[Trait]*Distances{}}
		compared := 0
		for n := range r.entries {
			compared += r.compare(presented, &r.entries[n], &found)
		}
		found.Times.probe.add(ready.Sub(began))
		if compared > 0 {
			found.Times.compare.add(time.Since(ready) / time.Duration(compared))
		}
		r.lock.Lock()
		defer r.lock.Unlock()
		r.scores.join(&found)
		return nil
	})
}

// encode makes a sample's capture, or nil where it counts as failed, and says
// whether the quality gate refuses it.
func (r *run) encode(s *Sample) (*matcher.Capture, bool, error) {
	hand, views, err := s.Views()
	began := time.Now()
	var c *matcher.Capture
	if err == nil {
		c, err = r.options.Scheme.Encode(hand, views)
	}
	took := time.Since(began)
	r.lock.Lock()
	defer r.lock.Unlock()
	if errors.Is(err, ErrNoPalm) || errors.Is(err, matcher.ErrUnusable) {
		r.failed[s.ID] = true
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("eval: sample %s: %w", s.ID, err)
	}
	r.scores.Times.encode.add(took)
	refused := c.Quality() < r.options.Gate
	if refused {
		r.poor[s.ID] = true
	}
	return c, refused, nil
}

// each runs do for 0 to n-1 on the workers and reports progress.
func (r *run) each(ctx context.Context, stage string, n int, do func(i int) error) error {
	group, each := errgroup.WithContext(ctx)
	group.SetLimit(r.options.Workers)
	r.done = 0
	for i := range n {
		group.Go(func() error {
			if err := each.Err(); err != nil {
				return err
			}
			if err := do(i); err != nil {
				return err
			}
			r.lock.Lock()
			defer r.lock.Unlock()
			r.done++
			if r.options.Progress != nil {
				r.options.Progress(stage, r.done, n)
			}
			return nil
		})
	}
	return group.Wait()
}

func (r *run) finish(gallery, probes []Sample) *Scores {
	tried := map[string]bool{}
	for _, set := range [][]Sample{gallery, probes} {
		for _, s := range set {
			if !tried[s.ID] && r.failed[s.ID] {
				r.scores.Failed = append(r.scores.Failed, s.ID)
			}
			if !tried[s.ID] && r.poor[s.ID] {
				r.scores.Refused = append(r.scores.Refused, s.ID)
			}
			tried[s.ID] = true
		}
	}
	r.scores.Samples = len(tried)
	return &r.scores
}

func (d *Distances) add(score float64, genuine bool) {
	if genuine {
		d.Genuine = append(d.Genuine, score)
	} else {
		d.Impostor = append(d.Impostor, score)
	}
}

func (d *Distances) join(more Distances) {
	d.Genuine = append(d.Genuine, more.Genuine...)
	d.Impostor = append(d.Impostor, more.Impostor...)
}
