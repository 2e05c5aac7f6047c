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
		return cure(err)
	}
	report := quality.Guide(&quality.Sight{
		Lit: &p.Lit, Dark: &p.Dark, Palm: palm,
		Before: g.before, Elapsed: p.Lit.At - g.at,
	}, cal)
	g.before, g.at = &palm, p.Lit.At
	switch {
	case g.want != 0 && hand != g.want:
		return hal.CueOtherHand
	case report.Pass():
		return hal.CueIdle
	}
	return report.Cue()
}
