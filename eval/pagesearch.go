package eval

import (
	"fmt"
	"io"
	"slices"
)

type searchPage struct {
	Facts                        []fact
	Rates, Policy, Losses, Times table
	Trade, Histogram             figure
}

// WriteHTML writes the report as one page that needs no other file. The
// searches are those that the report was made of.
func (r *SearchReport) WriteHTML(w io.Writer, s *Searches) error {
	p := &searchPage{
		Facts: append(r.Selection.facts(),
			fact{"Gallery's size", fmt.Sprintf("%s palms with %s captures, of the probe's hand", thousands(r.Palms), thousands(r.Captures))},
			fact{"Searches", thousands(r.Searches) + ", each with and without its mate"},
			fact{"Samples", fmt.Sprintf("%s, of which %d failed to extract", thousands(r.Samples), len(r.Failed))}),
		Rates: r.ratesTable(), Policy: r.policyTable(), Losses: r.lossTable(), Times: r.timesTable(),
	}
	if err := p.draw(r, s); err != nil {
		return err
	}
	at := r.FNIR["1e-3"]
	d := &document{
		Title: "Palm search: error rates",
		Lead:  fmt.Sprintf("%s searches among %s palms.", thousands(r.Searches), thousands(r.Palms)),
		Tiles: []tile{
			{"FNIR at FPIR 1e-3", share(at.FNIR), between(at.FNIRBounds)},
			{"Mate is nearest", share(r.RankOne), between(r.RankOneBounds)},
			{"Mates lost by stage one", share(r.Stage1Loss), between(r.Stage1LossBounds)},
			{"A search, median", fmt.Sprintf("%.3g ms", r.SearchP50), fmt.Sprintf("95 %% under %.3g ms", r.SearchP95)},
		},
		Search: p,
	}
	return d.write(w)
}

func (r *SearchReport) ratesTable() table {
	t := table{Caption: "False negative identification rate (FNIR) at each false positive identification rate (FPIR)", Head: []string{"FPIR", "FNIR", "Threshold", "False positives"}}
	for _, f := range FalsePositiveRates {
		at := r.FNIR[f.Name]
		c := rated(at.FNIR, at.FNIRBounds, r.Searches)
		if at.Passing == 0 {
			c.Value += " ‡"
		}
		t.Rows = append(t.Rows, row{f.Name, []cell{c, {Value: fmt.Sprintf("%.4f", at.Threshold)}, {Value: thousands(at.Passing)}}})
	}
	return t
}

func (r *SearchReport) policyTable() table {
	t := table{Caption: "What the product's thresholds make of the searches", Head: []string{"Asked for an FPIR of", "FPIR", "FNIR", "Threshold", "Names another", "Ambiguous"}}
	for _, f := range FalsePositiveRates {
		p := r.Policy[f.Name]
		t.Rows = append(t.Rows, row{f.Name, []cell{
			rated(p.FPIR, p.FPIRBounds, r.Searches), rated(p.FNIR, p.FNIRBounds, r.Searches),
			{Value: fmt.Sprintf("%.4f", p.Threshold)}, {Value: thousands(p.Wrong)}, {Value: thousands(p.Ambiguous)},
		}})
	}
	return t
}

func (r *SearchReport) lossTable() table {
	return table{Caption: "Searches whose mate was never compared in full; every rate here has them in it", Head: []string{"Stage", "Share of searches"}, Rows: []row{
		{"The first", []cell{rated(r.Stage1Loss, r.Stage1LossBounds, r.Searches)}},
		{"Those behind it", []cell{rated(r.StageLoss, r.StageLossBounds, r.Searches)}},
	}}
}

func (r *SearchReport) timesTable() table {
	return table{Caption: "As loaded as the machine was", Head: []string{"Step", "Time"}, Rows: []row{
		{"Make a probe ready, median", []cell{{Value: fmt.Sprintf("%.3g ms", r.Probe)}}},
		{"Search, median", []cell{{Value: fmt.Sprintf("%.3g ms", r.SearchP50)}}},
		{"Search, 95 % under", []cell{{Value: fmt.Sprintf("%.3g ms", r.SearchP95)}}},
		{"The whole run", []cell{{Value: fmt.Sprintf("%.1f s", r.Seconds)}}},
	}}
}

// draw makes the figures from the mates' distances and the nearest strangers'.
func (p *searchPage) draw(r *SearchReport, s *Searches) error {
	var d Distances
	for i := range s.Found {
		d.add(s.Found[i].Mate, true)
		d.add(s.Found[i].Other, false)
	}
	slices.Sort(d.Genuine)
	slices.Sort(d.Impostor)
	trade, err := det([]curve{{front, &d}}, "false positive identification rate", "false negative identification rate",
		fmt.Sprintf("Identification error trade-off. At a false positive rate of 1e-3 %s of the searches miss.", share(r.FNIR["1e-3"].FNIR)))
	if err != nil {
		return err
	}
	p.Trade = figure{trade, "Identification error trade-off on probit axes, with exact 95 % bounds. A curve ends where no miss is left.",
		[]key{{"all searches", "first"}, {"95 % bounds", "bounds"}}}
	bars, err := histogram(&d, "Histogram of the distances of mates and of the nearest strangers", r.FNIR["1e-3"].Threshold)
	if err != nil {
		return err
	}
	p.Histogram = figure{bars, "Shares of the distances, on a logarithmic axis: of mates, and of the stranger who lies nearest in each search.",
		[]key{{"mates", "first"}, {"nearest strangers", "second"}, {"threshold at FPIR 1e-3", "mark"}}}
	return nil
}
