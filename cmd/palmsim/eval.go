package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"volar/eval"
)

// evalFlags are the command line of palmsim eval.
type evalFlags struct {
	what       eval.Selection
	json, html string
	workers    int
}

func newEvalCommand() *cobra.Command {
	var f evalFlags
	c := &cobra.Command{
		Use:   "eval --manifest FILE --bands rgb=NAME,nir=NAME --gallery SELECTOR --probe SELECTOR",
		Short: "Measure the matcher's error rates on a set of palm images",
		Long: `eval scores the probes of an image set against its gallery with the vault's own
matcher and reports error rates with 95 % bounds, fused and for each band.

The manifest is CSV with the columns palm,person,hand,session,capture,band,kind,path.
hand is l, r or empty; kind is roi (a crop of the palm) or hand (a whole hand on
dark ground, from which vision cuts the palm first); path is relative to the manifest.
A selector is all, session=N, session=A-B, capture=N, capture=A-B, or a session
and a capture joined by a comma. --bands may name one band alone.

The table goes to standard output, progress to standard error. --json - writes
the JSON report to standard output in place of the table.

Exit codes: 0 measured, 1 nothing to measure or an output could not be written,
2 wrong usage, manifest or image, 3 interrupted.`,
		Example: `  palmsim eval --manifest palms.csv --bands rgb=WHT,nir=850 --gallery session=1 --probe session=2 --html report.html`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runEval(c, f) },
	}
	c.Flags().StringVar(&f.what.Manifest, "manifest", "", "CSV `file` that lists the images")
	c.Flags().StringVar(&f.what.Bands, "bands", "", "what the set calls each band: `rgb=NAME,nir=NAME`")
	c.Flags().StringVar(&f.what.ProbeBands, "probe-bands", "", "the bands of the probes, where they are others: `rgb=NAME,nir=NAME`")
	c.Flags().StringVar(&f.what.Gallery, "gallery", "session=1", "`selector` of the enrolled captures")
	c.Flags().StringVar(&f.what.Probe, "probe", "session=2", "`selector` of the presented captures")
	c.Flags().IntVar(&f.what.Enrol, "enrol", 0, "enrol the first `K` captures of each palm and count the nearest; 0 compares capture with capture")
	c.Flags().StringVar(&f.what.Degrade, "degrade", "", "make the probes worse first: `phone`, as a phone photographs them")
	c.Flags().Uint64Var(&f.what.Seed, "seed", 1, "`number` that decides whatever is drawn at random")
	c.Flags().StringVar(&f.json, "json", "", "write the report as JSON to `file`, - for standard output")
	c.Flags().StringVar(&f.html, "html", "", "write the report as one HTML page to `file`")
	c.Flags().IntVar(&f.workers, "workers", 0, "probes scored at once; 0 is one a processor")
	return c
}

func runEval(c *cobra.Command, f evalFlags) error {
	gallery, probes, err := f.samples()
	if err != nil {
		return usageError{err}
	}
	start := time.Now()
	scores, err := eval.Run(c.Context(), gallery, probes, eval.Options{
		Enrol:    f.what.Enrol,
		Workers:  f.workers,
		Progress: progress(c.ErrOrStderr(), start),
	})
	if err != nil {
		return usageError{err}
	}
	report, err := eval.NewReport(f.what, scores, time.Since(start))
	if err != nil {
		return err
	}
	if f.html != "" {
		if err := writeTo(f.html, func(w io.Writer) error { return report.WriteHTML(w, scores) }); err != nil {
			return err
		}
	}
	if f.json == "-" {
		return report.WriteJSON(c.OutOrStdout())
	}
	if f.json != "" {
		if err := writeTo(f.json, report.WriteJSON); err != nil {
			return err
		}
	}
	return report.WriteText(c.OutOrStdout())
}

// samples reads what the command line names.
func (f *evalFlags) samples() (gallery, probes []eval.Sample, err error) {
	if f.what.Enrol < 0 || f.workers < 0 {
		return nil, nil, errors.New("eval: --enrol and --workers must not be negative")
	}
	if f.what.Manifest == "" || f.what.Bands == "" {
		return nil, nil, errors.New("eval: --manifest and --bands are needed")
	}
	bands, err := eval.ParseBands(f.what.Bands)
	if err != nil {
		return nil, nil, err
	}
	probeBands := bands
	if f.what.ProbeBands != "" {
		if probeBands, err = eval.ParseBands(f.what.ProbeBands); err != nil {
			return nil, nil, err
		}
	}
	enrolled, err := eval.ParseSelector(f.what.Gallery)
	if err != nil {
		return nil, nil, err
	}
	presented, err := eval.ParseSelector(f.what.Probe)
	if err != nil {
		return nil, nil, err
	}
	rows, err := eval.ReadManifest(f.what.Manifest)
	if err != nil {
		return nil, nil, err
	}
	if gallery, err = eval.Samples(rows, bands, enrolled, cropHand); err != nil {
		return nil, nil, err
	}
	if probes, err = eval.Samples(rows, probeBands, presented, cropHand); err != nil {
		return nil, nil, err
	}
	switch f.what.Degrade {
	case "":
	case "phone":
		if probeBands.NIR != "" {
			return nil, nil, errors.New("eval: --degrade phone: a phone has no near infrared; name one band by --probe-bands rgb=NAME")
		}
		probes = eval.Phone(probes, f.what.Seed)
	default:
		return nil, nil, fmt.Errorf("eval: --degrade %q: want phone", f.what.Degrade)
	}
	return gallery, probes, nil
}

// progress prints at most two lines a second, and the last of each stage.
func progress(w io.Writer, start time.Time) func(stage string, done, total int) {
	var printed time.Time
	return func(stage string, done, total int) {
		now := time.Now()
		if done < total && now.Sub(printed) < 500*time.Millisecond {
			return
		}
		printed = now
		fmt.Fprintf(w, "eval: %s %d of %d, %.0f s\n", stage, done, total, now.Sub(start).Seconds())
	}
}

// writeTo creates a file and leaves none behind that is half written.
func writeTo(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("eval: write report: %w", err)
	}
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("eval: write report %s: %w", path, err)
	}
	return nil
}
