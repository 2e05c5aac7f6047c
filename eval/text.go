package eval

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteText writes the report as a table for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d samples, failure to extract %s, %.1f s\n", r.Samples, percent(r.FTE, r.FTEBounds), r.Seconds)
	fmt.Fprint(t, "score\tgenuine\timpostor\tEER\t")
	for _, f := range FalseMatchRates {
		fmt.Fprintf(t, "FNMR at %s\t", f.Name)
	}
	fmt.Fprint(t, "at no false match\n")
	line := func(name string, r *Rates) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t", name, r.Genuine, r.Impostor, percent(r.EER, r.EERBounds))
		for _, f := range FalseMatchRates {
			fmt.Fprintf(t, "%s\t", percent(r.FNMR[f.Name], r.FNMRBounds[f.Name]))
		}
		fmt.Fprintf(t, "%s\n", percent(r.FNMRZero, r.FNMRZeroBounds))
	}
	line("fused", &r.Rates)
	for _, band := range []string{"rgb", "nir"} {
		if rates, measured := r.Bands[band]; measured {
			line(band, &rates)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Gate.Refused) > 0 {
		fmt.Fprintf(t, "\nwith the quality gate, which refuses %d samples: failure to extract %s\n", len(r.Gate.Refused), percent(r.Gate.FTE, r.Gate.FTEBounds))
		line("gated", &r.Gate.Rates)
		if err := t.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprint(t, "\nthe product's own decision\tfalse match rate\tfalse non-match rate\n")
	for _, f := range FalseMatchRates {
		d := r.Decisions[f.Name]
		fmt.Fprintf(t, "asked for %s\t%s\t%s\n", f.Name, percent(d.FMR, d.FMRBounds), percent(d.FNMR, d.FNMRBounds))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Groups) > 0 {
		fmt.Fprint(t, "\ngroup\t\tgenuine\timpostor\tFNMR at 1e-4\tFMR at 1e-3 of all\n")
	}
	for _, g := range r.Groups {
		tight, loose := g.Thresholds["1e-4"], g.Thresholds["1e-3"]
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\n", g.Trait, g.Value, g.Genuine, g.Impostor, trials(tight.FNMR, tight.FNMRBounds, g.Genuine), trials(loose.FMR, loose.FMRBounds, g.Impostor))
	}
	return t.Flush()
}

// trials is percent where there was anything to count.
func trials(rate float64, b Bounds, n int) string {
	if n == 0 {
		return "no trials"
	}
	return percent(rate, b)
}

// WriteText writes the report as a table for people.
func (r *SearchReport) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d searches among %d palms (%d captures), %d samples failed, %.1f s\n", r.Searches, r.Palms, r.Captures, len(r.Failed), r.Seconds)
	fmt.Fprintf(t, "mate is nearest\t%s\n", percent(r.RankOne, r.RankOneBounds))
	fmt.Fprintf(t, "mate lost by stage one\t%s\n", percent(r.Stage1Loss, r.Stage1LossBounds))
	fmt.Fprintf(t, "mate lost by a later stage\t%s\n", percent(r.StageLoss, r.StageLossBounds))
	fmt.Fprintf(t, "search\tmedian %.1f ms, 95 %% under %.1f ms\n", r.SearchP50, r.SearchP95)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprint(t, "\nat FPIR\tFNIR\tthreshold\tfalse positives\n")
	for _, f := range FalsePositiveRates {
		at := r.FNIR[f.Name]
		fmt.Fprintf(t, "%s\t%s\t%.4f\t%d\n", f.Name, percent(at.FNIR, at.FNIRBounds), at.Threshold, at.Passing)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprint(t, "\nthe product's own decision\tFPIR\tFNIR\tthreshold\tnames another\tambiguous\n")
	for _, f := range FalsePositiveRates {
		p := r.Policy[f.Name]
		fmt.Fprintf(t, "asked for %s\t%s\t%s\t%.4f\t%d\t%d\n", f.Name, percent(p.FPIR, p.FPIRBounds), percent(p.FNIR, p.FNIRBounds), p.Threshold, p.Wrong, p.Ambiguous)
	}
	return t.Flush()
}
