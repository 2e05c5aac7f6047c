package eval

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strings"

	"volar/wire"
)

type comparePage struct {
	Facts                  []fact
	Failed                 []string
	Refused                int // by the gate
	Rates, Decisions, Gate table
	Trade                  figure
	Histograms             []figure
	Groups                 []table
	Worst                  struct{ Genuine, Impostor []shownPair }
	Times                  table
}

// A shownPair is one of the worst pairs, with pictures where they may be shown.
type shownPair struct {
	PairReport
	Views []shownView
}

type shownView struct {
	Alt  string
	Data template.URL
}

// named is a set of rates with the name that readers know it by.
type named struct {
	name, colour string
	rates        *Rates
	curve        curve
}

// WriteHTML writes the report as one page that needs no other file. The
// scores are those that the report was made of.
func (r *Report) WriteHTML(w io.Writer, s *Scores) error {
	sets := []named{{"Both bands", "first", &r.Rates, curve{front, &s.Fused}}}
	if rgb, nir := r.Bands["rgb"], r.Bands["nir"]; len(r.Bands) > 1 {
		sets = append(sets, named{"White light", "second", &rgb, curve{second, &s.RGB}}, named{"Near infrared", "third", &nir, curve{third, &s.NIR}})
	} else {
		sets[0].name = "One band" // the fused score is that band's
	}
	p := &comparePage{
		Facts: r.facts(), Failed: slices.Concat(r.Failed, r.Gate.Refused),
		Rates: r.ratesTable(sets), Decisions: r.decisionsTable(), Refused: len(r.Gate.Refused), Gate: r.gateTable(), Groups: r.groupTables(), Times: r.Times.table(r.Seconds),
	}
	if err := p.draw(r, sets); err != nil {
		return err
	}
	var err error
	if p.Worst.Genuine, err = showPairs(s.Worst.Genuine); err != nil {
		return err
	}
	if p.Worst.Impostor, err = showPairs(s.Worst.Impostor); err != nil {
		return err
	}
	d := &document{
		Title: "Palm matcher: error rates",
		Lead: fmt.Sprintf("%s genuine and %s impostor comparisons of %s samples.",
			thousands(r.Genuine), thousands(r.Impostor), thousands(r.Samples)),
		Tiles: []tile{
			{"Equal error rate", share(r.EER), between(r.EERBounds)},
			{"FNMR at FMR 1e-4", share(r.FNMR["1e-4"]), between(r.FNMRBounds["1e-4"])},
			{"FNMR, no false match", share(r.FNMRZero), between(r.FNMRZeroBounds)},
			{"Failure to extract", share(r.FTE), between(r.FTEBounds)},
		},
		Compare: p,
	}
	return d.write(w)
}

func (r *Report) facts() []fact {
	return append(r.Selection.facts(),
		fact{"Samples", fmt.Sprintf("%s, of which %d failed to extract", thousands(r.Samples), len(r.Failed))},
		fact{"Genuine comparisons", thousands(r.Genuine)},
		fact{"Impostor comparisons", thousands(r.Impostor)})
}

// ratesTable has a column for each set of rates and a row for each operating point.
func (r *Report) ratesTable(sets []named) table {
	t := table{Caption: "False non-match rate (FNMR) at each false match rate (FMR)", Head: []string{"At"}}
	rows := []row{{Name: "Equal error rate"}}
	for _, f := range FalseMatchRates {
		rows = append(rows, row{Name: "FMR " + f.Name})
	}
	rows = append(rows, row{Name: "No false match"})
	for _, s := range sets {
		t.Head = append(t.Head, s.name)
		rows[0].Cells = append(rows[0].Cells, cell{share(s.rates.EER), between(s.rates.EERBounds)})
		for i, f := range FalseMatchRates {
			c := rated(s.rates.FNMR[f.Name], s.rates.FNMRBounds[f.Name], s.rates.Genuine)
			if s.rates.Matches[f.Name] == 0 {
				c.Value += " ‡"
			}
			rows[1+i].Cells = append(rows[1+i].Cells, c)
		}
		last := &rows[len(rows)-1]
		last.Cells = append(last.Cells, rated(s.rates.FNMRZero, s.rates.FNMRZeroBounds, s.rates.Genuine))
	}
	t.Rows = rows
	return t
}

func (r *Report) decisionsTable() table {
	t := table{Caption: "What the product's thresholds make of this set", Head: []string{"Asked for an FMR of", "FMR", "FNMR"}}
	for _, f := range FalseMatchRates {
		d := r.Decisions[f.Name]
		t.Rows = append(t.Rows, row{f.Name, []cell{rated(d.FMR, d.FMRBounds, r.Impostor), rated(d.FNMR, d.FNMRBounds, r.Genuine)}})
	}
	return t
}

func (r *Report) gateTable() table {
	t := table{
		Caption: "The same with what the gate refuses counted as failure to extract",
		Head:    []string{"", "Without the gate", "With the gate"},
		Rows: []row{
			{"Failure to extract", []cell{rated(r.FTE, r.FTEBounds, r.Samples), rated(r.Gate.FTE, r.Gate.FTEBounds, r.Samples)}},
			{"Equal error rate", []cell{{share(r.EER), between(r.EERBounds)}, {share(r.Gate.EER), between(r.Gate.EERBounds)}}},
		},
	}
	for _, f := range FalseMatchRates {
		t.Rows = append(t.Rows, row{"FNMR at FMR " + f.Name, []cell{
			rated(r.FNMR[f.Name], r.FNMRBounds[f.Name], r.Genuine), rated(r.Gate.FNMR[f.Name], r.Gate.FNMRBounds[f.Name], r.Gate.Genuine),
		}})
	}
	t.Rows = append(t.Rows, row{"FNMR at no false match", []cell{
		rated(r.FNMRZero, r.FNMRZeroBounds, r.Genuine), rated(r.Gate.FNMRZero, r.Gate.FNMRZeroBounds, r.Gate.Genuine),
	}})
	return t
}

// groupTables is a table for each trait.
func (r *Report) groupTables() (tables []table) {
	for _, g := range r.Groups {
		if n := len(tables); n == 0 || tables[n-1].Caption != "By "+g.Trait {
			tables = append(tables, table{Caption: "By " + g.Trait, Head: []string{"", "Genuine", "Impostor", "FNMR at FMR 1e-4", "FMR at 1e-3 of all"}})
		}
		t := &tables[len(tables)-1]
		tight, loose := g.Thresholds["1e-4"], g.Thresholds["1e-3"]
		t.Rows = append(t.Rows, row{g.Value, []cell{
			{Value: thousands(g.Genuine)}, {Value: thousands(g.Impostor)},
			rated(tight.FNMR, tight.FNMRBounds, g.Genuine), rated(loose.FMR, loose.FMRBounds, g.Impostor),
		}})
	}
	return tables
}

func (t TimeReport) table(seconds float64) table {
	ms := func(v float64) []cell { return []cell{{Value: fmt.Sprintf("%.3g ms", v)}} }
	return table{
		Caption: "Medians on one core, as loaded as the machine was", Head: []string{"Step", "Time"},
		Rows: []row{
			{"Encode a capture", ms(t.Encode)}, {"Make a probe ready", ms(t.Probe)}, {"Compare with one capture", ms(t.Compare)},
			{"The whole run", []cell{{Value: fmt.Sprintf("%.1f s", seconds)}}},
		},
	}
}

// draw makes the figures.
func (p *comparePage) draw(r *Report, sets []named) error {
	var curves []curve
	legend := []key{}
	for _, s := range sets {
		curves = append(curves, s.curve)
		legend = append(legend, key{s.name, s.colour})
	}
	picture, err := det(curves, "false match rate", "false non-match rate",
		fmt.Sprintf("Detection error trade-off. Equal error rate %s, false non-match rate at a false match rate of 1e-4 %s.", share(r.EER), share(r.FNMR["1e-4"])))
	if err != nil {
		return err
	}
	p.Trade = figure{picture, "Detection error trade-off on probit axes, with exact 95 % bounds of the first curve. A curve ends where no false non-match is left; " +
		"the bounds go on, by the rule of 3.", append(legend, key{"95 % bounds of " + strings.ToLower(sets[0].name), "bounds"})}
	for i, s := range sets {
		f := figure{Caption: s.name + ": shares of the distances, on a logarithmic axis. Smaller is nearer.", Legend: []key{{"genuine", "first"}, {"impostor", "second"}}}
		mark := 0.0
		if i == 0 {
			mark = thresholdAt(s.curve.distances.Impostor, 1e-4)
			f.Legend = append(f.Legend, key{"threshold at FMR 1e-4", "mark"})
		}
		if f.Picture, err = histogram(s.curve.distances, "Histogram of genuine and impostor distances, "+s.name, mark); err != nil {
			return err
		}
		p.Histograms = append(p.Histograms, f)
	}
	return nil
}

// shownPairs is how many of the worst pairs have pictures.
const shownPairs = 6

// showPairs renders the pairs' samples again where they may be shown.
func showPairs(pairs []Pair) ([]shownPair, error) {
	out := make([]shownPair, 0, len(pairs))
	for _, p := range pairs {
		s := shownPair{PairReport: PairReport{p.Probe.ID, p.Enrolled.ID, p.Distance}}
		shown := p.Probe.Shown && p.Enrolled.Shown
		if shown && len(out) == shownPairs {
			break
		}
		for _, sample := range []*Sample{p.Probe, p.Enrolled} {
			if !shown {
				continue
			}
			_, views, err := sample.Views()
			if err != nil {
				return nil, fmt.Errorf("eval: picture of sample %s: %w", sample.ID, err)
			}
			for i := range views {
				v, err := showView(sample.ID, &views[i])
				if err != nil {
					return nil, err
				}
				s.Views = append(s.Views, v)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func showView(id string, v *wire.View) (shownView, error) {
	m := image.NewRGBA(image.Rect(0, 0, wire.Side, wire.Side))
	n := v.Band.Channels()
	for i := range wire.Side * wire.Side {
		px := v.Pix[i*n:][:n]
		m.SetRGBA(i%wire.Side, i/wire.Side, color.RGBA{px[0], px[n/2], px[n-1], 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return shownView{}, fmt.Errorf("eval: picture of sample %s: %w", id, err)
	}
	light := "in white light"
	if v.Band == wire.NIR {
		light = "in near infrared"
	}
	return shownView{
		Alt:  fmt.Sprintf("synthetic palm %s %s", id, light),
		Data: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())),
	}, nil
}
