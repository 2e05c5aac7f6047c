package replay

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"ms":      func(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1e3) },
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
	"class":   func(s Severity) string { return [...]string{"bad", "bad", "warn", "warn", "note", "note", "quiet"}[s] },
	"first": func(n int, list []Change) []Change {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b Change) int { return cmp.Compare(b.By, a.By) })
		return list[:min(n, len(list))]
	},
	"arrow": func(s string) string { return strings.ReplaceAll(s, "->", "→") },
}).Parse(page))

// pictured is how many groups get pictures of their worst wave.
const pictured = 12

// htmlGroup is a group with the pictures of its worst wave.
type htmlGroup struct {
	Group
	Pictures []Picture
	Steps    []Pair // of the worst wave
}

type htmlTape struct {
	*Result
	Changes int
	Failed  error
}

// HTML writes the report as one page that needs no other file. golden gives
// the golden of a tape, nil where there is none.
func (r *Report) HTML(w io.Writer, golden func(name string) *Golden) error {
	of := map[string]*Result{}
	var tapes []htmlTape
	for i := range r.Results {
		res := &r.Results[i]
		of[res.Name] = res
		tapes = append(tapes, htmlTape{res, len(r.Changes[res.Name]), r.Failed[res.Name]})
	}
	slices.SortStableFunc(tapes, func(a, b htmlTape) int { return b.rank() - a.rank() })
	var groups []htmlGroup
	for i, g := range r.Groups {
		h := htmlGroup{Group: g}
		if res := of[g.Worst.Tape]; res != nil && g.Worst.Wave > 0 && i < pictured {
			h.Pictures = Pictures(res.Tape, g.Worst.Wave)
			var was []Step
			if gold := golden(res.Name); gold != nil {
				was = steps(gold.Waves, g.Worst.Wave)
			}
			h.Steps = Pairs(was, steps(res.Waves, g.Worst.Wave))
		}
		groups = append(groups, h)
	}
	times := r.Times()
	longest := time.Duration(1)
	for _, t := range times {
		longest = max(longest, t.P95)
	}
	return pageTemplate.Execute(w, map[string]any{
		"R": r, "Groups": groups, "Tapes": tapes, "Times": times, "Longest": longest, "Changed": r.Waves - r.Same,
		"Share": func(d time.Duration) string { return fmt.Sprintf("%.1f%%", 100*float64(d)/float64(longest)) },
	})
}

func (t *htmlTape) rank() int {
	if t.Error != "" || t.Failed != nil {
		return 1 << 30
	}
	return t.Changes
}

func steps(waves []Wave, n int) []Step {
	for i := range waves {
		if waves[i].Wave == n {
			return waves[i].Steps
		}
	}
	return nil
}
