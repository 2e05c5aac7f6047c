package eval

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent": percent,
	"join":    func(s []string) string { return strings.Join(s, ", ") },
}).Parse(pageSource))

// percent writes a rate with its bounds.
func percent(rate float64, b Bounds) string {
	return fmt.Sprintf("%.3g %% (%.3g to %.3g)", 100*rate, 100*b[0], 100*b[1])
}

// A row of the page's table.
type pageRow struct {
	Name string
	Rates
}

// WriteHTML writes the report as one page that needs no other file. The
// distances are those that the report was made of.
func (r *Report) WriteHTML(w io.Writer, s *Scores) error {
	rows := []pageRow{{"fused", r.Rates}}
	curves := []curve{{"fused", black, &s.Fused}}
	for _, band := range []curve{{"rgb", red, &s.RGB}, {"nir", blue, &s.NIR}} {
		// With one band alone the fused score is that band's.
		if rates, measured := r.Bands[band.name]; measured && len(r.Bands) > 1 {
			rows = append(rows, pageRow{band.name, rates})
			curves = append(curves, band)
		}
	}
	trade, err := det(curves)
	if err != nil {
		return err
	}
	var histograms []template.HTML
	for _, c := range curves {
		h, err := histogram(c)
		if err != nil {
			return err
		}
		histograms = append(histograms, h)
	}
	return page.Execute(w, map[string]any{
		"Report": r, "Rows": rows, "Operating": FalseMatchRates, "Trade": trade, "Histograms": histograms,
	})
}
