package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

type padPage struct {
	Facts           []fact
	Species, Living table
	Why             table
	Trade           figure
}

// WriteHTML writes the report as one page that needs no other file.
func (r *PADReport) WriteHTML(w io.Writer) error {
	p := &padPage{Facts: r.facts(), Species: r.speciesTable(), Living: r.livingTable(), Why: r.whyTable()}
	var err error
	if p.Trade, err = r.trade(); err != nil {
		return err
	}
	known, blind, all := r.named(r.WorstKnown), r.named(r.WorstLeftOut), r.Living[0]
	presented := 0
	for _, s := range r.Species {
		presented += s.Presented
	}
	d := &document{
		Title: "Presentation attacks",
		Lead: fmt.Sprintf("%s attacks of %d species and %s living hands, held over the device's own chain and judged once more as the vault does. All of them are synthetic.",
			thousands(presented), len(r.Species), thousands(all.Presented)),
		Tiles: []tile{
			{"Worst species, known", share(known.APCER), "APCER, " + known.Name + "; to " + share(known.APCERBounds[1])},
			{"Worst species, left out", share(blind.LeftOutAPCER), "APCER, " + blind.Name + "; to " + share(blind.LeftOutBounds[1])},
			{"Living hands refused", share(all.BPCER), "BPCER; to " + share(all.BPCERBounds[1])},
			{"Attacks let in", thousands(r.letIn()), "accepted and matched"},
		},
		PAD: p,
	}
	return d.write(w)
}

// letIn is how many attacks were taken for the victim.
func (r *PADReport) letIn() (n int) {
	for _, s := range r.Species {
		n += s.Impostor
	}
	return n
}

func (r *PADReport) facts() []fact {
	return []fact{
		{"Hands and attacks", "synthetic: reflectance at five wavelengths, gloss, scattering, shape and movement are modelled, see sim/attack. Nothing was tried on people"},
		{"Chain", "one burst a presentation: capture with a light code of its own, vision, quality, the judge on the bytes that the vault gets, and the matcher"},
		{"Attacker", "has pictures of the victim's palm in both bands, holds the attack as the device asks, and tries once"},
		{"Fitted to", fmt.Sprintf("other people: %s living hands and %s attacks", thousands(r.Learnt.Living), thousands(r.Learnt.Attacks))},
		{"Took", fmt.Sprintf("%.0f s, without what was drawn before", r.Seconds)},
	}
}

func (r *PADReport) speciesTable() table {
	t := table{Caption: "Attack presentation classification errors, by species", Head: []string{"Species", "Non-response", "APCER", "Left out", "IAPAR", "Matcher alone"}}
	for i := range r.Species {
		s := &r.Species[i]
		t.Rows = append(t.Rows, row{s.Name, []cell{
			{share(s.APNRR), fmt.Sprintf("%d of %d", s.Silent, s.Presented)},
			bounded(s.APCER, s.APCERBounds, s.Accepted, s.Judged), bounded(s.LeftOutAPCER, s.LeftOutBounds, s.LeftOut, s.Judged),
			bounded(s.IAPAR, s.IAPARBounds, s.Impostor, s.Presented),
			{share(float64(s.Matched) / float64(s.Presented)), ""},
		}})
	}
	return t
}

// bounded is a rate with what it is of.
func bounded(rate float64, b Bounds, k, n int) cell {
	if n == 0 {
		return cell{"–", "none judged"}
	}
	return cell{share(rate), fmt.Sprintf("%d of %d, to %s", k, n, share(b[1]))}
}

// most is the commonest reason.
func most(reasons map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), cmp.Compare(a, b))
	})
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}

func (r *PADReport) livingTable() table {
	t := table{Caption: "Bona fide presentation classification errors", Head: []string{"Living hands", "Presented", "Not acquired", "BPCER"}}
	for _, g := range r.Living {
		t.Rows = append(t.Rows, row{g.Group, []cell{
			{thousands(g.Presented), ""}, {thousands(g.Silent), ""}, bounded(g.BPCER, g.BPCERBounds, g.Refused, g.Judged),
		}})
	}
	return t
}

func (r *PADReport) whyTable() table {
	t := table{Caption: "What each species is, and which check speaks most against it", Head: []string{"Species", "What it is", "Gives no sample", "Refused by"}}
	for _, s := range r.Species {
		var why []string
		for _, c := range s.Refusers {
			why = append(why, fmt.Sprintf("%s %.0f %%", c.Check, 100*c.Share))
		}
		t.Rows = append(t.Rows, row{s.Name, []cell{{s.About, ""}, {most(s.Reasons), ""}, {strings.Join(why, ", "), ""}}})
	}
	return t
}

// trade draws living hands refused against attacks accepted, of the species
// that are hardest to tell.
func (r *PADReport) trade() (figure, error) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(r.scores)), func(n string) bool { return n == "" })
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(upper(r.scores[b]), upper(r.scores[a]))
	})
	f := figure{Caption: "Detection error trade-off of the species that come nearest to living hands, as the threshold of the score moves; single limits stay. Band: 95 % bounds of the first."}
	colours := []string{"first", "second", "third"}
	var curves []curve
	for i, name := range names[:min(3, len(names))] {
		d := &Distances{Genuine: negative(r.scores[""]), Impostor: negative(r.scores[name])}
		curves = append(curves, curve{[]curve{{colour: front}, {colour: second}, {colour: third}}[i].colour, d})
		f.Legend = append(f.Legend, key{name, colours[i]})
	}
	if len(curves) == 0 {
		f.Caption = "No attack reached the judge."
		return f, nil
	}
	var err error
	f.Picture, err = det(curves, "attacks accepted (APCER)", "living hands refused (BPCER)", "Detection error trade-off")
	return f, err
}

// upper is the score that one in twenty reaches.
func upper(scores []float64) float64 {
	s := slices.Sorted(slices.Values(scores))
	return s[len(s)*19/20]
}

// negative makes distances of scores.
func negative(scores []float64) []float64 {
	out := make([]float64, len(scores))
	for i, v := range scores {
		out[i] = -v
	}
	slices.Sort(out)
	return out
}
