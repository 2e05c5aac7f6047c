package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"volar/enclave/vault/matcher"
	"volar/eval"
	"volar/liveness"
	"volar/liveness/fit"
	"volar/sim/attack"
	"volar/wire"
)

// padFlags are the command line of palmsim pad.
type padFlags struct {
	n, learn   int
	fit        string
	cache      string
	json, html string
	readme     string
	workers    int
	seed       uint64
}

func newPadCommand() *cobra.Command {
	var f padFlags
	c := &cobra.Command{
		Use:   "pad",
		Short: "Measure how attacks and living hands fare (ISO/IEC 30107-3), or fit the judge",
		Long: `pad holds synthetic presentation attacks and living hands over the device's own chain
(capture with a coded light, vision, quality, the judge of life on the bytes that the vault
gets, the matcher) and reports, species by species, non-responses, APCER, IAPAR and the
APCER of a model that never saw the species; and BPCER over groups of living hands. Hands
and attacks are drawn, nobody real is among them.

What was presented is kept in --cache, so that a run that was interrupted goes on, and a
changed judge is measured in minutes. A change of simulator, attacks or the device's chain
presents everything anew.

--fit presents to other people than those of the report, fits the judge to them, and writes
it as Go source. Nothing else is done then.

Exit codes: 0 measured, 1 an output could not be written, 2 wrong usage, 3 interrupted.`,
		Example: `  palmsim pad --html pad.html
  palmsim pad --n 30 --json -
  palmsim pad --readme sim/attack/README.md
  palmsim pad --fit liveness/fitted.go`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return resumes(c.Context(), f.run(c)) },
	}
	c.Flags().IntVar(&f.n, "n", 300, "`presentations` of each species in the report")
	c.Flags().IntVar(&f.learn, "learn", 360, "`presentations` of each species that models are fitted to")
	c.Flags().StringVar(&f.fit, "fit", "", "fit the judge and write it to a Go `file`")
	c.Flags().StringVar(&f.cache, "cache", "", "`folder` of what was presented (default: volar/pad in the user's folder for caches)")
	c.Flags().StringVar(&f.json, "json", "", "write the report as JSON to `file`, - for standard output")
	c.Flags().StringVar(&f.html, "html", "", "write the report as one HTML page to `file`")
	c.Flags().StringVar(&f.readme, "readme", "", "renew the tables of a Markdown `file` between its marks <!-- palmsim pad -->")
	c.Flags().IntVar(&f.workers, "workers", 0, "people presented at once; 0 is one a processor")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "`number` that decides who is presented")
	return c
}

const maxPad = 30_000 // presentations of a species: those of ten thousand people

func (f *padFlags) check() error {
	for _, v := range []struct {
		flag string
		n    int
	}{{"--n", f.n}, {"--learn", f.learn}} {
		if v.n < padPerSpecies || v.n > maxPad {
			return usageError{fmt.Errorf("%s %d, allowed %d to %d", v.flag, v.n, padPerSpecies, maxPad)}
		}
	}
	return nil
}

func (f *padFlags) run(c *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	dir := f.cache
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return usageError{fmt.Errorf("palmsim: pad: %w; name a --cache", err)}
		}
		dir = filepath.Join(user, "volar", "pad")
	}
	began := time.Now()
	store, err := openPadStore(c.Context(), dir)
	if err != nil {
		return err
	}
	learnt, err := f.presented(c.Context(), store, f.keys(f.learn, 2*f.seed-1, 2), c.ErrOrStderr())
	if err != nil {
		return err
	}
	if f.fit != "" {
		return f.write(learnt)
	}
	shown, err := f.presented(c.Context(), store, f.keys(f.n, 2*f.seed, 1), c.ErrOrStderr())
	if err != nil {
		return err
	}
	var kinds []eval.Instruments
	for _, s := range attack.All {
		kinds = append(kinds, eval.Instruments{Name: s.Name, About: s.About})
	}
	r, err := eval.NewPADReport(kinds, shown, learnt, liveness.Fitted, began)
	if err != nil {
		return err
	}
	if f.readme != "" {
		if err := renew(f.readme, r); err != nil {
			return err
		}
	}
	out := evalFlags{json: f.json, html: f.html}
	return out.write(c, r, r.WriteHTML)
}

// renew writes the report's tables into a README.
func renew(path string, r *eval.PADReport) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("palmsim: pad: %w", err)
	}
	if text, err = r.Renew(text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return writeTo(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// keys are the units that hold n presentations of each species.
func (f *padFlags) keys(n int, seed uint64, living int) []padKey {
	keys := make([]padKey, (n+padPerSpecies-1)/padPerSpecies)
	for i := range keys {
		keys[i] = padKey{seed, i, living}
	}
	return keys
}

// write fits the judge and writes it.
func (f *padFlags) write(learnt []eval.Presentation) error {
	data := eval.FitData(learnt)
	m, err := fit.Model(data)
	if err != nil {
		return err
	}
	living := 0
	for _, d := range data {
		if d.Species == "" {
			living++
		}
	}
	note := fmt.Sprintf("synthetic presentations: %d of living palms, %d of %d species of attack", living, len(data)-living, len(attack.All))
	return writeTo(f.fit, func(w io.Writer) error { return fit.Write(w, m, note) })
}

// presented is what the judge and the matcher are told of units, which are
// made where they are missing.
func (f *padFlags) presented(ctx context.Context, store *padStore, keys []padKey, tell io.Writer) ([]eval.Presentation, error) {
	if err := store.fill(ctx, keys, f.workers, tell); err != nil {
		return nil, err
	}
	out := make([][]eval.Presentation, len(keys))
	bar := newProgress(tell, "people judged", len(keys))
	var lock sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(f.workers, runtime.GOMAXPROCS(0)))
	for i, k := range keys {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			u, err := store.read(k)
			if err != nil {
				return err
			}
			if out[i], err = u.judged(); err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			bar.add(1)
			return nil
		})
	}
	err := g.Wait()
	bar.end()
	var all []eval.Presentation
	for _, list := range out {
		all = append(all, list...)
	}
	return all, err
}

// padPolicy is that of a vault with its usual false-positive rate (palmvault's).
var padPolicy = matcher.Policy{FPIR: 1e-4}

// judged reads every sample as the vault does: evidence of life, and whether
// its palm is the person's.
func (u *padUnit) judged() ([]eval.Presentation, error) {
	entry := matcher.Entry{}
	for _, b := range u.Enrolled {
		s, err := padSample(b)
		if err != nil {
			return nil, err
		}
		c, err := matcher.Encode(s.Hand, s.Views)
		if err != nil {
			continue // a palm that cannot be enrolled cannot be impersonated
		}
		entry.Hand, entry.Captures = s.Hand, append(entry.Captures, c)
	}
	out := make([]eval.Presentation, 0, len(u.Records))
	for _, r := range u.Records {
		p := eval.Presentation{Species: r.Species, Traits: r.Traits, Refused: r.reason()}
		if r.Sample != nil {
			s, err := padSample(r.Sample)
			if err != nil {
				return nil, err
			}
			// What cannot be measured has no values, and is refused.
			p.Values, _ = liveness.Measure(liveness.Of(&s))
			p.Matched = r.Species != "" && matched(&s, &entry)
		}
		out = append(out, p)
	}
	return out, nil
}

func matched(s *wire.Sample, e *matcher.Entry) bool {
	c, err := matcher.Encode(s.Hand, s.Views)
	return err == nil && len(e.Captures) > 0 && matcher.Verify(matcher.NewProbe(c), []matcher.Entry{*e}, padPolicy)
}

func padSample(b []byte) (wire.Sample, error) {
	m, err := wire.Decode(b)
	if err != nil {
		return wire.Sample{}, fmt.Errorf("palmsim: pad: read a sample: %w", err)
	}
	s, ok := m.(wire.Sample)
	if !ok {
		return wire.Sample{}, errors.New("palmsim: pad: the cache holds what is no sample")
	}
	return s, nil
}
