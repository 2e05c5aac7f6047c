package eval

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strconv"
)

//go:embed page
var pageFiles embed.FS

var page = template.Must(template.New("").Funcs(template.FuncMap{"style": style}).ParseFS(pageFiles, "page/*.html"))

func style() (template.CSS, error) {
	b, err := pageFiles.ReadFile("page/style.css")
	return template.CSS(b), err
}

// A document is what the page's template shows: one of Compare, Search and PAD.
type document struct {
	Title, Lead string
	Tiles       []tile
	Compare     *comparePage
	Search      *searchPage
	PAD         *padPage
}

type tile struct{ Name, Value, Note string }

type fact struct{ Name, Value string }

type figure struct {
	Picture template.HTML
	Caption string
	Legend  []key
}

// A key names what a figure draws in a colour of the style sheet.
type key struct{ Name, Colour string }

type table struct {
	Caption string
	Head    []string
	Rows    []row
}

type row struct {
	Name  string
	Cells []cell
}

type cell struct{ Value, Note string }

func (d *document) write(w io.Writer) error {
	if err := page.ExecuteTemplate(w, "page", d); err != nil {
		return fmt.Errorf("eval: write page: %w", err)
	}
	return nil
}

// percent writes a rate with its bounds.
func percent(rate float64, b Bounds) string {
	return fmt.Sprintf("%s (%s)", share(rate), between(b))
}

func share(rate float64) string { return fmt.Sprintf("%.3g %%", 100*rate) }

func between(b Bounds) string { return fmt.Sprintf("%.3g to %.3g", 100*b[0], 100*b[1]) }

// few marks a rate that rests on less than the rule of 30 asks for.
const few = 30

// rated is a cell of a rate over n trials.
func rated(rate float64, b Bounds, n int) cell {
	errors := rate * float64(n)
	c := cell{share(rate), between(b)}
	switch {
	case n == 0:
		return cell{"–", "no trials"}
	case errors < 0.5:
		c.Note = fmt.Sprintf("under %s (3/n)", share(3/float64(n)))
	case errors < few-0.5:
		c.Value += " †"
	}
	return c
}

// thousands writes a count for people.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// facts are the protocol in words.
func (s *Selection) facts() []fact {
	// No more of the path than tells sets apart.
	set := fact{"Set", filepath.Join(filepath.Base(filepath.Dir(s.Manifest)), filepath.Base(s.Manifest))}
	if s.Synthetic > 0 {
		set.Value = fmt.Sprintf("%s synthetic people, seed %d", thousands(s.Synthetic), s.Seed)
	}
	out := []fact{set, {"Bands", s.Bands}}
	if s.ProbeBands != "" {
		out = append(out, fact{"Bands of the probes", s.ProbeBands})
	}
	if s.Degrade != "" {
		out = append(out, fact{"Probes made worse", fmt.Sprintf("%s, seed %d", s.Degrade, s.Seed)})
	}
	enrolled := "capture against capture"
	if s.Enrol > 0 {
		enrolled = fmt.Sprintf("the first %d captures of each palm, of which the nearest counts", s.Enrol)
	}
	return append(out, fact{"Gallery", s.Gallery + ", " + enrolled}, fact{"Probes", s.Probe})
}
