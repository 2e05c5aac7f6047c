package eval

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// The marks between which a README has the tables of a PADReport.
const (
	padBegins = "<!-- palmsim pad -->\n"
	padEnds   = "<!-- /palmsim pad -->\n"
)

// Renew replaces what stands between the marks of a Markdown text by this
// report's tables.
func (r *PADReport) Renew(text []byte) ([]byte, error) {
	before, rest, begins := bytes.Cut(text, []byte(padBegins))
	_, after, ends := bytes.Cut(rest, []byte(padEnds))
	if !begins || !ends {
		return nil, errors.New("eval: renew tables: the text lacks the marks <!-- palmsim pad --> and <!-- /palmsim pad -->, each on a line")
	}
	out := append(append([]byte{}, before...), padBegins...)
	return append(append(append(out, r.markdown()...), padEnds...), after...), nil
}

// markdown are the tables, rates in per cent with their upper bounds.
func (r *PADReport) markdown() []byte {
	var b bytes.Buffer
	line := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line("attack", "presented", "no sample", "judged", "APCER %", "left out %", "IAPAR %", "matcher alone %", "refused by")
	b.WriteString(strings.Repeat("|---", 9) + "|\n")
	for _, s := range r.Species {
		by := ""
		if len(s.Refusers) > 0 {
			by = s.Refusers[0].Check
		}
		line(s.Name, fmt.Sprint(s.Presented), fmt.Sprint(s.Silent), fmt.Sprint(s.Judged), upTo(s.APCER, s.APCERBounds, s.Judged),
			upTo(s.LeftOutAPCER, s.LeftOutBounds, s.Judged), upTo(s.IAPAR, s.IAPARBounds, s.Presented),
			fmt.Sprintf("%.3g", 100*float64(s.Matched)/float64(s.Presented)), by)
	}
	b.WriteString("\n")
	line("living hands", "presented", "no sample", "BPCER %")
	b.WriteString(strings.Repeat("|---", 4) + "|\n")
	for _, g := range r.Living {
		line(g.Group, fmt.Sprint(g.Presented), fmt.Sprint(g.Silent), upTo(g.BPCER, g.BPCERBounds, g.Judged))
	}
	known, blind := r.named(r.WorstKnown), r.named(r.WorstLeftOut)
	fmt.Fprintf(&b, "\nWorst species known in training: %s, %s %%; left out of it: %s, %s %%. In brackets the upper 95 %% bound. Fitted to %s living hands and %s attacks of other\npeople. All of it is synthetic.\n",
		known.Name, upTo(known.APCER, known.APCERBounds, known.Judged), blind.Name, upTo(blind.LeftOutAPCER, blind.LeftOutBounds, blind.Judged),
		thousands(r.Learnt.Living), thousands(r.Learnt.Attacks))
	return b.Bytes()
}
