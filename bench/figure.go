package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
)

// A bench collects figures.
type bench struct {
	Machine string   `json:"machine"`
	Figures []figure `json:"figures"`

	part string
	read float64 // bytes a second that one core reads, once bandwidth has run
}

// A figure is one line of the table.
type figure struct {
	Part  string  `json:"part"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Want  string  `json:"want,omitempty"` // ">= 0.85", "< 20"
	Met   *bool   `json:"met,omitempty"`
	Note  string  `json:"note,omitempty"`
}

// add appends a figure without a goal.
func (b *bench) add(name string, value float64, unit, note string) {
	b.Figures = append(b.Figures, figure{Part: b.part, Name: name, Value: value, Unit: unit, Note: note})
}

// least appends a figure that is to be at least so much.
func (b *bench) least(name string, value float64, unit string, want float64, note string) {
	met := value >= want
	b.Figures = append(b.Figures, figure{Part: b.part, Name: name, Value: value, Unit: unit,
		Want: fmt.Sprintf(">= %g", want), Met: &met, Note: note})
}

// below appends a figure that is to be less than so much.
func (b *bench) below(name string, value float64, unit string, want float64, note string) {
	met := value < want
	b.Figures = append(b.Figures, figure{Part: b.part, Name: name, Value: value, Unit: unit,
		Want: fmt.Sprintf("< %g", want), Met: &met, Note: note})
}

// print writes the table.
func (b *bench) print(w io.Writer) error {
	fmt.Fprintln(w, b.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	part := ""
	for _, f := range b.Figures {
		if f.Part != part {
			part = f.Part
			fmt.Fprintf(t, "\n%s\t\t\t\n", part)
		}
		want := f.Want
		if f.Met != nil && *f.Met {
			want += "  met"
		} else if f.Met != nil {
			want += "  MISSED"
		}
		fmt.Fprintf(t, "  %s\t%s %s\t%s\t%s\n", f.Name, short(f.Value), f.Unit, want, f.Note)
	}
	return t.Flush()
}

// short prints three or so digits.
func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// processor is the CPU's name where the system tells it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
