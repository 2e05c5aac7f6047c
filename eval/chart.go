package eval

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours are drawn as stand-ins, which the page replaces by what its light
// or dark dress calls them. The curves' come from Okabe and Ito (2008), which colour-blind readers tell apart.
var (
	muted       = color.RGBA{2, 2, 2, 255}
	faint       = color.RGBA{3, 3, 3, 255}
	front       = color.RGBA{4, 4, 4, 255}
	second      = color.RGBA{5, 5, 5, 255}
	third       = color.RGBA{6, 6, 6, 255}
	shadeFront  = color.RGBA{7, 7, 7, 255}
	shadeSecond = color.RGBA{8, 8, 8, 255}
)

var dress = strings.NewReplacer(
	"#020202", "var(--muted)", "#030303", "var(--line)",
	"#040404", "var(--first)", "#050505", "var(--second)", "#060606", "var(--third)",
	"#070707", "var(--shade-first)", "#080808", "var(--shade-second)",
)

// A chart is a plot in the page's dress.
type chart struct{ *plot.Plot }

func newChart(x, y string) chart {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.LineStyle.Color = faint, faint
		a.Label.TextStyle.Color, a.Tick.Label.Color = muted, muted
		a.Label.TextStyle.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 8}
		a.Tick.Label.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 7.5}
		a.Padding = 0
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = faint, faint
	grid.Horizontal.Width, grid.Vertical.Width = vg.Points(0.5), vg.Points(0.5)
	p.Add(grid)
	return chart{p}
}

// line draws a curve; nothing where it has no points.
func (c chart) line(points plotter.XYs, colour color.Color, dashed bool) error {
	if len(points) == 0 {
		return nil
	}
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	l.Color, l.Width = colour, vg.Points(1.6)
	if dashed {
		l.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	}
	c.Add(l)
	return nil
}

// area fills a closed outline.
func (c chart) area(points plotter.XYs, colour color.Color) error {
	if len(points) < 3 {
		return nil
	}
	a, err := plotter.NewPolygon(points)
	if err != nil {
		return err
	}
	a.Color, a.LineStyle.Width = colour, 0
	c.Add(a)
	return nil
}

var (
	fontFamily = regexp.MustCompile(`font-family:[^;"]*;`)
	svgSize    = regexp.MustCompile(`(<svg) width="[^"]*" height="[^"]*"`)
)

// svg renders the chart as an element that stands inside a page, as wide as
// its column, with a text for those who do not see it.
func (c chart) svg(width, height vg.Length, alt string) (template.HTML, error) {
	canvas := vgsvg.New(width, height)
	// A browser's own font may be wider than the one that was measured with.
	c.Draw(draw.Crop(draw.New(canvas), vg.Points(2), vg.Points(-10), vg.Points(2), vg.Points(-4)))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("eval: draw %s: %w", alt, err)
	}
	at := bytes.Index(b.Bytes(), []byte("<svg"))
	if at < 0 {
		return "", fmt.Errorf("eval: draw %s: no svg element", alt)
	}
	text := fontFamily.ReplaceAllString(dress.Replace(string(b.Bytes()[at:])), "")
	text = svgSize.ReplaceAllString(text, fmt.Sprintf(`$1 role="img" aria-label="%s"`, html.EscapeString(alt)))
	return template.HTML(text), nil
}
