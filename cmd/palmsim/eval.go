package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"volar/enclave/vault/matcher"
	"volar/eval"
)

// evalFlags are the command line of palmsim eval.
type evalFlags struct {
	what        eval.Selection
	identify    bool
	unlink      int
	gallerySize int
	cache       string
	json, html  string
	workers     int
}

func newEvalCommand() *cobra.Command {
	var f evalFlags
	c := &cobra.Command{
		Use:   "eval (--manifest FILE --bands rgb=NAME,nir=NAME | --synthetic PEOPLE)",
		Short: "Measure the matcher's error rates on a set of palm images",
		Long: `eval scores the probes of a set of palms against its gallery with the vault's own
matcher and reports error rates with 95 % bounds, fused and for each band.

The manifest is CSV with the columns palm,person,hand,session,capture,band,kind,path.
hand is l, r or empty; kind is roi (a crop of the palm) or hand (a whole hand on
dark ground, from which vision cuts the palm first); path is relative to the manifest.
--synthetic renders people in its place, with both hands and three captures in each
of two sessions, and reports each group of hand, skin tone, distance, tilt and warmth.

A selector is all, session=N, session=A-B, capture=N, capture=A-B, or a session
and a capture joined by a comma. --bands may name one band alone.

--identify searches for each probe's palm among --gallery-size palms, the enrolled
ones and synthetic ones. These are rendered once and kept in --cache; a run that was
interrupted goes on where it was.

The table goes to standard output, progress to standard error. --json - writes
the JSON report to standard output in place of the table.

Exit codes: 0 measured, 1 nothing to measure or an output could not be written,
2 wrong usage, manifest or image, 3 interrupted.`,
		Example: `  palmsim eval --manifest palms.csv --bands rgb=WHT,nir=850 --gallery session=1 --probe session=2 --html report.html
  palmsim eval --manifest palms.csv --bands rgb=460,nir=850 --probe-bands rgb=WHT --degrade phone
  palmsim eval --synthetic 200 --enrol 3 --html report.html
  palmsim eval --synthetic 3000 --identify --gallery-size 100000`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runEval(c, f) },
	}
	c.Flags().StringVar(&f.what.Manifest, "manifest", "", "CSV `file` that lists the images")
	c.Flags().IntVar(&f.what.Synthetic, "synthetic", 0, "render this many `people` in place of a manifest")
	c.Flags().StringVar(&f.what.Bands, "bands", "", "what the set calls each band: `rgb=NAME,nir=NAME`; of a synthetic set rgb=white,nir=850")
	c.Flags().StringVar(&f.what.ProbeBands, "probe-bands", "", "the bands of the probes, where they are others: `rgb=NAME,nir=NAME`")
	c.Flags().StringVar(&f.what.Gallery, "gallery", "session=1", "`selector` of the enrolled captures")
	c.Flags().StringVar(&f.what.Probe, "probe", "session=2", "`selector` of the presented captures")
	c.Flags().IntVar(&f.what.Enrol, "enrol", 0, "enrol the first `K` captures of each palm and count the nearest; 0 compares capture with capture, and enrols one to identify")
	c.Flags().StringVar(&f.what.Degrade, "degrade", "", "make the probes worse first: `phone`, as a phone photographs them")
	c.Flags().Float64Var(&f.what.Gate, "gate", 0, "report also without captures of a lower `quality`: the strength of the lines, of real skin 2.5 to 5")
	c.Flags().StringVar(&f.what.Tenant, "tenant", "", "code everything in the renewable scheme of a tenant of this `name`")
	c.Flags().IntVar(&f.unlink, "unlinkable", 0, "measure how well codes of two tenants can be linked, over this many `pairs` of tenants")
	c.Flags().Uint64Var(&f.what.Seed, "seed", 1, "`number` that decides whatever is drawn at random")
	c.Flags().BoolVar(&f.identify, "identify", false, "search for each probe in place of comparing it with every other")
	c.Flags().IntVar(&f.gallerySize, "gallery-size", 0, "`palms` of a hand that --identify searches")
	c.Flags().StringVar(&f.cache, "cache", "", "`folder` of the rendered palms (default: volar in the user's folder for caches)")
	c.Flags().StringVar(&f.json, "json", "", "write the report as JSON to `file`, - for standard output")
	c.Flags().StringVar(&f.html, "html", "", "write the report as one HTML page to `file`")
	c.Flags().IntVar(&f.workers, "workers", 0, "probes scored at once; 0 is one a processor")
	return c
}

func runEval(c *cobra.Command, f evalFlags) error {
	set, err := f.read()
	if err != nil {
		return usageError{err}
	}
	start := time.Now()
	o := eval.Options{Enrol: f.what.Enrol, Gate: f.what.Gate, Workers: f.workers, Progress: progress(c.ErrOrStderr(), start)}
	if f.what.Tenant != "" {
		o.Scheme = matcher.NewScheme(eval.TenantKey(f.what.Tenant))
	}
	if f.unlink > 0 {
		return f.unlinkability(c, set, o)
	}
	if f.identify {
		searches, err := f.search(c.Context(), set, o)
		if err != nil {
			return resumes(c.Context(), usageError{err})
		}
		report, err := eval.NewSearchReport(f.what, searches, time.Since(start))
		if err != nil {
			return err
		}
		return f.write(c, report, func(w io.Writer) error { return report.WriteHTML(w, searches) })
	}
	scores, err := eval.Run(c.Context(), set.gallery, set.probes, o)
	if err != nil {
		return usageError{err}
	}
	report, err := eval.NewReport(f.what, scores, time.Since(start))
	if err != nil {
		return err
	}
	return f.write(c, report, func(w io.Writer) error { return report.WriteHTML(w, scores) })
}

// unlinkability measures across tenants in place of error rates.
func (f *evalFlags) unlinkability(c *cobra.Command, set *evalSet, o eval.Options) error {
	u, err := eval.MeasureUnlinkability(c.Context(), set.gallery, set.probes, f.unlink, o)
	if err != nil {
		return usageError{err}
	}
	if f.json == "" {
		return u.WriteText(c.OutOrStdout())
	}
	return writeReport(f.json, c.OutOrStdout(), u.WriteJSON)
}

// A report can be written for machines and for people.
type report interface {
	WriteJSON(io.Writer) error
	WriteText(io.Writer) error
}

// write puts the report where the flags say.
func (f *evalFlags) write(c *cobra.Command, r report, html func(io.Writer) error) error {
	out := c.OutOrStdout()
	if err := errors.Join(writeReport(f.html, out, html), writeReport(f.json, out, r.WriteJSON)); err != nil || f.json == "-" {
		return err
	}
	return r.WriteText(out)
}

// progress prints at most two lines a second, and the last of each stage,
// with the time that the stage will still take once it has taken two seconds.
func progress(w io.Writer, start time.Time) func(stage string, done, total int) {
	var printed, began time.Time
	var running string
	var before int // done when the stage was first heard of
	return func(stage string, done, total int) {
		now := time.Now()
		if stage != running {
			running, began, before = stage, now, done
		}
		if done < total && now.Sub(printed) < 500*time.Millisecond {
			return
		}
		printed = now
		left := ""
		if took := now.Sub(began); done < total && done > before && took > 2*time.Second {
			rest := time.Duration(float64(took) / float64(done-before) * float64(total-done))
			left = fmt.Sprintf(", about %v left", rest.Round(time.Second))
		}
		fmt.Fprintf(w, "eval: %s %d of %d, %.0f s%s\n", stage, done, total, now.Sub(start).Seconds(), left)
	}
}
