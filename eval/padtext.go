package eval

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteText writes the report as tables for people.
func (r *PADReport) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "attack\tn\tnon-responses\tjudged\taccepted\tAPCER % (95 %)\tleft out %\tIAPAR %\twithout liveness %\t\n")
	for i := range r.Species {
		s := &r.Species[i]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%.1f\t\n", s.Name, s.Presented, s.Silent, s.Judged, s.Accepted,
			upTo(s.APCER, s.APCERBounds, s.Judged), upTo(s.LeftOutAPCER, s.LeftOutBounds, s.Judged),
			upTo(s.IAPAR, s.IAPARBounds, s.Presented), 100*float64(s.Matched)/float64(s.Presented))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprint(t, "\nliving hands\tn\tnot acquired\tjudged\trefused\tBPCER % (95 %)\t\n")
	for _, g := range r.Living {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t\n", g.Group, g.Presented, g.Silent, g.Judged, g.Refused, upTo(g.BPCER, g.BPCERBounds, g.Judged))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	known, blind := r.named(r.WorstKnown), r.named(r.WorstLeftOut)
	_, err := fmt.Fprintf(w, "\nworst species known in training: %s, APCER %s %%; left out of it: %s, %s %%.\n"+
		"Hands and attacks are synthetic: what they are made of is modelled, and nothing here was tried on people.\n",
		known.Name, upTo(known.APCER, known.APCERBounds, known.Judged), blind.Name, upTo(blind.LeftOutAPCER, blind.LeftOutBounds, blind.Judged))
	return err
}

// upTo is a rate in per cent with its upper bound.
func upTo(rate float64, b Bounds, n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g (to %.3g)", 100*rate, 100*b[1])
}
