package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"volar/enclave/vault/matcher"
)

// Options of a run.
type Options struct {
	// Enrol is how many captures of a palm form its gallery entry, whose
	// nearest counts. 0 compares capture with capture.
	Enrol int
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
}

// An entry is what the gallery holds of a palm: one capture, or the first Enrol of them.
type entry struct {
	palm     string
	ids      []string
	captures []*matcher.Capture
}

// Run scores every probe against every gallery entry with the product's
// own path: the gallery is made of templates that were written and read back,
// the probes of views. Samples that cannot be encoded count as failed and take part in no pair.
func Run(ctx context.Context, gallery, probes []Sample, o Options) (*Scores, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	r := &run{options: o, failed: map[string]bool{}, inGallery: map[string]bool{}, inProbes: map[string]bool{}}
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
	inGallery, inProbes map[string]bool
	entries             []entry

	lock   sync.Mutex // guards what follows
	done   int
	failed map[string]bool
	scores Scores
}

// enrol encodes the gallery and groups it into entries.
func (r *run) enrol(ctx context.Context, gallery []Sample) error {
	captures := make([]*matcher.Capture, len(gallery))
	err := r.each(ctx, "gallery", len(gallery), func(i int) error {
		c, err := r.encode(&gallery[i])
		if err != nil || c == nil {
			return err
		}
		defer c.Wipe()
		template, err := c.MarshalBinary()
		if err != nil {
			return err
		}
		captures[i], err = matcher.ParseCapture(template)
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
				e.ids = append(e.ids, s.ID)
				e.captures = append(e.captures, c)
			}
			continue
		}
		at[s.Palm] = len(r.entries)
		r.entries = append(r.entries, entry{s.Palm, []string{s.ID}, []*matcher.Capture{c}})
	}
	return nil
}

// probe scores all probes against all entries.
func (r *run) probe(ctx context.Context, probes []Sample) error {
	return r.each(ctx, "probes", len(probes), func(i int) error {
		s := &probes[i]
		c, err := r.encode(s)
		if err != nil || c == nil {
			return err
		}
		defer c.Wipe()
		p := matcher.NewProbe(c)
		defer p.Wipe()
		var found Scores
		for n := range r.entries {
			r.compare(p, s, &r.entries[n], &found)
		}
		r.lock.Lock()
		defer r.lock.Unlock()
		r.scores.Fused.join(found.Fused)
		r.scores.RGB.join(found.RGB)
		r.scores.NIR.join(found.NIR)
		for i, d := range found.Decisions {
			r.scores.Decisions[i].GenuineRefused += d.GenuineRefused
			r.scores.Decisions[i].ImpostorAccepted += d.ImpostorAccepted
		}
		return nil
	})
}

// thresholds are the product's, by index of FalseMatchRates and by set of bands.
var thresholds = func() (t [len(FalseMatchRates)][matcher.BothBands + 1]float64) {
	for i, f := range FalseMatchRates {
		for b := range t[i] {
			t[i][b] = matcher.Policy{FPIR: f.Rate}.Threshold(matcher.Bands(b), 1)
		}
	}
	return t
}()

// compare scores one probe against one entry: the nearest of its captures, by fusion and by band.
func (r *run) compare(p *matcher.Probe, s *Sample, e *entry, into *Scores) {
	best := matcher.Score{RGB: matcher.Farthest, NIR: matcher.Farthest, Fused: matcher.Farthest}
	rgb, nir, n := best.RGB, best.NIR, 0
	for i, c := range e.captures {
		if e.ids[i] == s.ID || r.mirrored(s.ID, e.ids[i]) {
			continue
		}
		d := p.Compare(c)
		if n++; n == 1 || d.Fused < best.Fused {
			best = d
		}
		rgb, nir = min(rgb, d.RGB), min(nir, d.NIR)
	}
	if best.Bands == 0 {
		return
	}
	genuine := e.palm == s.Palm
	into.Fused.add(best.Fused, genuine)
	if best.Bands&matcher.OnlyRGB != 0 {
		into.RGB.add(rgb, genuine)
	}
	if best.Bands&matcher.OnlyNIR != 0 {
		into.NIR.add(nir, genuine)
	}
	for i, f := range FalseMatchRates {
		// The threshold is looked up first because working it out anew for every stranger costs more than the comparison.
		accepted := best.Fused < thresholds[i][best.Bands] && matcher.Policy{FPIR: f.Rate}.Accepts(best, 1)
		if genuine && !accepted {
			into.Decisions[i].GenuineRefused++
		}
		if !genuine && accepted {
			into.Decisions[i].ImpostorAccepted++
		}
	}
}

// mirrored says that a pair is also scored the other way round, because both
// samples are probes and gallery; it then counts once. With several captures
// an entry, the entry is not mirrored by any probe, and all count.
func (r *run) mirrored(probe, enrolled string) bool {
	return r.options.Enrol == 0 && r.inGallery[probe] && r.inProbes[enrolled] && probe < enrolled
}

// encode makes a sample's capture, or nil where it counts as failed.
func (r *run) encode(s *Sample) (*matcher.Capture, error) {
	hand, views, err := s.Views()
	var c *matcher.Capture
	if err == nil {
		c, err = matcher.Encode(hand, views)
	}
	if errors.Is(err, ErrNoPalm) || errors.Is(err, matcher.ErrUnusable) {
		r.lock.Lock()
		defer r.lock.Unlock()
		r.failed[s.ID] = true
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("eval: sample %s: %w", s.ID, err)
	}
	return c, nil
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
