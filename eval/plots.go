package eval

import (
	"fmt"
	"html/template"
	"image/color"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// A curve is one set of distances, sorted, and the colour it is drawn in.
type curve struct {
	colour    color.RGBA
	distances *Distances
}

// Size of a figure: small, so that its letters are still read on a phone, where the page scales it to the column.
const (
	figureWidth = 11 * vg.Centimeter
	detHeight   = 9 * vg.Centimeter
	barsHeight  = 6 * vg.Centimeter
)

// probit is the axis on which normal scores give a straight line; rates from 0 to 1 without the ends.
func probit(rate float64) float64 { return distuv.UnitNormal.Quantile(rate) }

// probitTicks are the marks of an axis of rates.
var probitTicks = plot.ConstantTicks{
	{Value: probit(1e-6), Label: "1e-6"}, {Value: probit(1e-5), Label: "1e-5"}, {Value: probit(1e-4), Label: "1e-4"},
	{Value: probit(1e-3), Label: "0.1 %"}, {Value: probit(0.01), Label: "1 %"}, {Value: probit(0.05), Label: "5 %"},
	{Value: probit(0.2), Label: "20 %"}, {Value: probit(0.5), Label: "50 %"},
}

// fineTicks are those of a short axis.
var fineTicks = append(plot.ConstantTicks{
	{Value: probit(2e-4), Label: "0.02 %"}, {Value: probit(5e-4), Label: "0.05 %"}, {Value: probit(2e-3), Label: "0.2 %"},
	{Value: probit(5e-3), Label: "0.5 %"}, {Value: probit(0.02), Label: "2 %"}, {Value: probit(0.1), Label: "10 %"},
}, probitTicks...)

// det draws the miss rate against the false alarm rate on probit axes, and
// for the first curve its exact 95 % bounds. A curve ends where no miss is left to plot.
func det(curves []curve, x, y, alt string) (template.HTML, error) {
	c := newChart(x, y)
	c.X.Tick.Marker, c.Y.Tick.Marker = probitTicks, probitTicks
	lowest, fewest, most := 0.4, 0.4, 0.0
	for _, v := range curves {
		// Every curve is highest at its strictest threshold, and its bounds are.
		most = max(most, 2*clopperPearson(missedAt(v.distances.Genuine, v.distances.Impostor[0]), len(v.distances.Genuine))[1])
		lowest = min(lowest, 0.7/float64(len(v.distances.Impostor)))
		fewest = min(fewest, 0.7/float64(len(v.distances.Genuine)))
	}
	c.X.Min, c.X.Max = probit(lowest), probit(0.5)
	c.Y.Min, c.Y.Max = probit(fewest), probit(min(most, 0.5))
	if most < 0.1 {
		c.Y.Tick.Marker = fineTicks
	}
	for i, v := range curves {
		rates, band := detPoints(v.distances, fewest)
		if i == 0 {
			if err := c.area(band, shadeFront); err != nil {
				return "", err
			}
		}
		if err := c.line(rates, v.colour, false); err != nil {
			return "", err
		}
	}
	return c.svg(figureWidth, detHeight, alt)
}

// detPoints walks the impostor distances in steps that are even on the axis,
// and gives the rates, and the outline of the bounds of the miss rate, cut at the axis' end.
func detPoints(d *Distances, lowest float64) (rates, band plotter.XYs) {
	const steps = 300
	n := float64(len(d.Impostor))
	var upper, lower plotter.XYs
	last := 0
	for i := range steps + 1 {
		passing := int(math.Round(math.Pow(n/2, float64(i)/steps)))
		if passing == last || passing >= len(d.Impostor) {
			continue
		}
		last = passing
		missed := missedAt(d.Genuine, d.Impostor[passing])
		x := probit(float64(passing) / n)
		if miss := float64(missed) / float64(len(d.Genuine)); miss > 0 && miss < 0.5 {
			rates = append(rates, plotter.XY{X: x, Y: probit(miss)})
		}
		b := clopperPearson(missed, len(d.Genuine))
		upper = append(upper, plotter.XY{X: x, Y: probit(min(max(b[1], lowest), 0.5))})
		lower = append(lower, plotter.XY{X: x, Y: probit(min(max(b[0], lowest), 0.5))})
	}
	for i := len(lower) - 1; i >= 0; i-- {
		upper = append(upper, lower[i])
	}
	return rates, upper
}

// binWidth is that of a histogram's bins, from 0 to matcher.Farthest.
const (
	binWidth = 0.005
	bins     = 100
)

// histogram draws how genuine and impostor distances lie, on a logarithmic
// axis, so that the tails are seen which decide, and a threshold where mark is above 0.
func histogram(d *Distances, alt string, mark float64) (template.HTML, error) {
	c := newChart("distance", "share in 0.005")
	floor := math.Log10(0.5 / float64(max(len(d.Genuine), len(d.Impostor), 2)))
	for _, part := range []struct {
		values       []float64
		line, filled color.RGBA
	}{{d.Genuine, front, shadeFront}, {d.Impostor, second, shadeSecond}} {
		outline := shares(part.values, floor)
		if err := c.area(outline, part.filled); err != nil {
			return "", err
		}
		if err := c.line(outline, part.line, false); err != nil {
			return "", err
		}
	}
	if mark > 0 {
		if err := c.line(plotter.XYs{{X: mark, Y: floor}, {X: mark, Y: 0}}, muted, true); err != nil {
			return "", err
		}
	}
	c.X.Min, c.X.Max, c.Y.Min, c.Y.Max = 0, binWidth*bins, floor, 0
	var ticks plot.ConstantTicks
	for e := 0; float64(-e) > floor; e++ {
		ticks = append(ticks, plot.Tick{Value: float64(-e), Label: [...]string{"1", "10 %", "1 %", "0.1 %"}[min(e, 3)]})
		if e > 3 {
			ticks[e].Label = fmt.Sprintf("1e-%d", e)
		}
	}
	c.Y.Tick.Marker = ticks
	return c.svg(figureWidth, barsHeight, alt)
}

// shares is the outline of a histogram, as logarithms from a floor on.
func shares(values []float64, floor float64) plotter.XYs {
	var count [bins]int
	for _, v := range values {
		count[max(0, min(bins-1, int(v/binWidth)))]++
	}
	points := plotter.XYs{{X: 0, Y: floor}}
	for i, n := range count {
		y := floor
		if n > 0 {
			y = math.Log10(float64(n) / float64(len(values)))
		}
		points = append(points, plotter.XY{X: float64(i) * binWidth, Y: y}, plotter.XY{X: float64(i+1) * binWidth, Y: y})
	}
	return append(points, plotter.XY{X: bins * binWidth, Y: floor})
}
