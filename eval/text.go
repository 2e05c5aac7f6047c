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
	fmt.Fprint(t, "\nthe product's own decision\tfalse match rate\tfalse non-match rate\n")
	for _, f := range FalseMatchRates {
		d := r.Decisions[f.Name]
		fmt.Fprintf(t, "asked for %s\t%s\t%s\n", f.Name, percent(d.FMR, d.FMRBounds), percent(d.FNMR, d.FNMRBounds))
	}
	return t.Flush()
}
