package eval

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A curve is one named set of distances, sorted, and the colour it is drawn in.
type curve struct {
	name      string
	colour    color.RGBA
	distances *Distances
}

// Colours that stay apart for colour-blind readers (Okabe and Ito 2008).
var (
	black = color.RGBA{A: 255}
	blue  = color.RGBA{G: 114, B: 178, A: 255}
	red   = color.RGBA{R: 213, G: 94, A: 255}
	grey  = color.RGBA{R: 128, G: 128, B: 128, A: 255}
)

// probit is the axis on which normal scores give a straight line; rates from 0 to 1 without the ends.
func probit(rate float64) float64 { return distuv.UnitNormal.Quantile(rate) }

// detTicks are the marks of the DET plot's axes.
var detTicks = plot.ConstantTicks{
	{Value: probit(1e-6), Label: "1e-6"}, {Value: probit(1e-5), Label: "1e-5"}, {Value: probit(1e-4), Label: "1e-4"},
	{Value: probit(1e-3), Label: "1e-3"}, {Value: probit(0.01), Label: "1 %"}, {Value: probit(0.05), Label: "5 %"},
	{Value: probit(0.2), Label: "20 %"}, {Value: probit(0.5), Label: "50 %"},
}

// det draws false non-match against false match rate on probit axes, and for
// the first curve the upper 95 % bound. A curve ends where no error is left to plot.
func det(curves []curve) (template.HTML, error) {
	p := plot.New()
	p.Title.Text = "Detection error trade-off"
	p.X.Label.Text = "false match rate"
	p.Y.Label.Text = "false non-match rate"
	p.X.Tick.Marker, p.Y.Tick.Marker = detTicks, detTicks
	p.X.Min, p.X.Max = probit(3e-7), probit(0.5)
	p.Y.Min, p.Y.Max = probit(1e-5), probit(0.5)
	grid := plotter.NewGrid()
	p.Add(grid)
	for i, c := range curves {
		rates, bound := detPoints(c.distances)
		if err := addLine(p, c.name, rates, c.colour, false); err != nil {
			return "", err
		}
		if i == 0 {
			if err := addLine(p, c.name+", upper 95 % bound", bound, grey, true); err != nil {
				return "", err
			}
		}
	}
	p.Legend.Top = true
	return svg(p, 15*vg.Centimeter, 13*vg.Centimeter)
}

func addLine(p *plot.Plot, name string, points plotter.XYs, colour color.Color, dashed bool) error {
	if len(points) == 0 {
		return nil
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = colour, vg.Points(1.5)
	if dashed {
		line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	}
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

// detPoints walks the impostor distances in steps that are even on the axis,
// and gives the rates and the upper bounds of the false non-match rate.
func detPoints(d *Distances) (rates, bounds plotter.XYs) {
	const steps = 300
	n := float64(len(d.Impostor))
	last := 0
	for i := range steps + 1 {
		passing := int(math.Round(math.Pow(n/2, float64(i)/steps)))
		if passing == last || passing >= len(d.Impostor) {
			continue
		}
		last = passing
		missed := missedAt(d.Genuine, d.Impostor[passing])
		x := probit(float64(passing) / n)
		if fnmr := float64(missed) / float64(len(d.Genuine)); fnmr > 0 && fnmr < 0.5 {
			rates = append(rates, plotter.XY{X: x, Y: probit(fnmr)})
		}
		if upper := clopperPearson(missed, len(d.Genuine))[1]; upper < 0.5 {
			bounds = append(bounds, plotter.XY{X: x, Y: probit(upper)})
		}
	}
	return rates, bounds
}

// histogram draws how the genuine and impostor distances of one curve lie.
func histogram(c curve) (template.HTML, error) {
	p := plot.New()
	p.Title.Text = "Distances, " + c.name
	p.X.Label.Text = "distance"
	p.Y.Label.Text = "share in 0.005"
	for _, part := range []struct {
		name   string
		values []float64
		colour color.RGBA
	}{{"genuine", c.distances.Genuine, blue}, {"impostor", c.distances.Impostor, red}} {
		if err := addLine(p, part.name, shares(part.values), part.colour, false); err != nil {
			return "", err
		}
	}
	p.X.Min, p.X.Max, p.Y.Min = 0, 0.5, 0
	p.Legend.Top = true
	p.Legend.Left = true
	return svg(p, 15*vg.Centimeter, 7*vg.Centimeter)
}

// shares is the outline of a histogram with bins of 0.005 from 0 to 0.5.
func shares(values []float64) plotter.XYs {
	const bins, width = 100, 0.005
	var count [bins]int
	for _, v := range values {
		count[max(0, min(bins-1, int(v/width)))]++
	}
	points := make(plotter.XYs, 0, 2*bins)
	for i, n := range count {
		share := float64(n) / float64(len(values))
		points = append(points, plotter.XY{X: float64(i) * width, Y: share}, plotter.XY{X: float64(i+1) * width, Y: share})
	}
	return points
}

// svg renders a plot as an element that stands inside a page.
func svg(p *plot.Plot, width, height vg.Length) (template.HTML, error) {
	canvas := vgsvg.New(width, height)
	// A browser's own font may be wider than the one that was measured with.
	p.Draw(draw.Crop(draw.New(canvas), 0, -1.5*vg.Centimeter, 0, 0))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("eval: draw %s: %w", p.Title.Text, err)
	}
	at := bytes.Index(b.Bytes(), []byte("<svg"))
	if at < 0 {
		return "", fmt.Errorf("eval: draw %s: no svg element", p.Title.Text)
	}
	return template.HTML(b.Bytes()[at:]), nil
}
