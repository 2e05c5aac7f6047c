package firmware

import (
	"time"

	"volar/firmware/capture"
	"volar/firmware/quality"
	"volar/hal"
	"volar/wire"
)

// guidance turns looks at a hand into cues.
type guidance struct {
	want wire.Hand // 0 for any
	good int       // looks in a row that were good

	first  time.Duration // when the first look was, by the camera's clock
	lasted time.Duration // since then

	before *quality.Palm // where the palm was
	at     time.Duration // and when
	last   hal.Cue       // what the look before asked for
	found  func(*quality.Palm, quality.Report)
}

// look judges one pair and returns the cue to show, CueIdle for none: a cue
// is shown once two looks in a row ask for it, so that it does not flicker.
func (g *guidance) look(eyes optics, p *capture.Pair, cal *hal.Calibration) hal.Cue {
	if g.first == 0 {
		g.first = p.Dark.At
	}
	g.lasted = p.Lit.At - g.first
	cue := g.judge(eyes, p, cal)
	if cue == hal.CueIdle {
		g.good++
	} else {
		g.good = 0
	}
	again := cue == g.last
	g.last = cue
	if !again {
		return hal.CueIdle
	}
	return cue
}

// judge is what the look asks for, CueIdle where it is good.
func (g *guidance) judge(eyes optics, p *capture.Pair, cal *hal.Calibration) hal.Cue {
	palm, hand, err := eyes.locate(&p.Lit, &p.Dark)
	if err != nil {
		g.before = nil
		if crowded(p) {
			return hal.CueFarther
		}
		return cure(err)
	}
	report := quality.Guide(&quality.Sight{
		Lit: &p.Lit, Dark: &p.Dark, Palm: palm,
		Before: g.before, Elapsed: p.Lit.At - g.at,
	}, cal)
	g.before, g.at = &palm, p.Lit.At
	if g.found != nil {
		g.found(&palm, report)
	}
	switch {
	case g.want != 0 && hand != g.want:
		return hal.CueOtherHand
	case report.Pass():
		return hal.CueIdle
	}
	return report.Cue()
}

// crowded tells whether a hand is so near that it leaves the picture on most
// sides: an arm leaves it on one.
func crowded(p *capture.Pair) bool {
	const steps = 24 // samples a side
	w, h := p.Lit.Width-1, p.Lit.Height-1
	middle, border := 0.0, make([]float64, 0, 4*steps)
	for i := range steps {
		x, y := i*w/(steps-1), i*h/(steps-1)
		border = append(border, added(p, x, 0), added(p, x, h), added(p, 0, y), added(p, w, y))
		middle += added(p, w/3+x/3, h/3+y/3) / steps
	}
	bright := 0
	for _, v := range border {
		if v > 0.3*middle {
			bright++
		}
	}
	return middle > 0 && bright > len(border)*2/5
}

// added is by how much the lamps brighten a pixel.
func added(p *capture.Pair, x, y int) float64 {
	return level(&p.Lit, x, y) - level(&p.Dark, x, y)
}

// level is a pixel of a near-infrared frame, share of full scale.
func level(f *hal.Frame, x, y int) float64 {
	if f.Format == hal.Y10 {
		i := y*f.Stride + 2*x
		return float64(uint16(f.Pix[i])|uint16(f.Pix[i+1])<<8) / 1023
	}
	return float64(f.Pix[y*f.Stride+x]) / 255
}
