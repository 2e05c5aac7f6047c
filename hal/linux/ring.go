package linux

import (
	"fmt"
	"math"
	"strings"
	"time"

	"volar/boards"
)

// colours of a ring, as package hal names them.
var colours = map[string][3]float64{
	"white": {1, 1, 1}, "blue": {0.1, 0.3, 1}, "green": {0, 1, 0.1}, "red": {1, 0, 0}, "amber": {1, 0.45, 0},
}

// movements of a ring: how bright an LED is at a place (0 to 1, clockwise from
// the top) and a time. off is the place's distance from the top, 0 to 0.5.
var movements = map[string]func(at, off float64, t time.Duration) float64{
	"steady": func(_, _ float64, _ time.Duration) float64 { return 0.6 },
	"full":   func(_, _ float64, _ time.Duration) float64 { return 1 },
	"breathing": func(_, _ float64, t time.Duration) float64 {
		return 0.1 + 0.45*(1-math.Cos(2*math.Pi*cycle(t, 4*time.Second)))
	},
	"inward":  func(_, off float64, t time.Duration) float64 { return lit(off <= 0.5*(1-cycle(t, time.Second))) },
	"outward": func(_, off float64, t time.Duration) float64 { return lit(off <= 0.5*cycle(t, time.Second)) },
	"tilting": func(at, _ float64, t time.Duration) float64 { return lit((at < 0.5) == (cycle(t, time.Second) < 0.5)) },
	"fan":     func(_, off float64, t time.Duration) float64 { return lit(off <= 0.05+0.2*cycle(t, time.Second)) },
	"cross":   func(at, _ float64, _ time.Duration) float64 { return lit(math.Abs(at*4-math.Round(at*4)) < 0.2) },
	"turning": func(at, _ float64, t time.Duration) float64 { return math.Pow(1-behind(at, cycle(t, time.Second)), 3) },
	"half":    func(at, _ float64, _ time.Duration) float64 { return lit(at < 0.5) },
}

// cycle is how far t is into its period, 0 to 1.
func cycle(t, period time.Duration) float64 { return float64(t%period) / float64(period) }

// behind is how far at lies behind a head that turns.
func behind(at, head float64) float64 {
	d := head - at
	return d - math.Floor(d)
}

func lit(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// ring is the circle of LEDs.
type ring struct {
	chip ledChip
	leds [][3]int
	full float64
}

func newRing(b *boards.Ring, chip ledChip) *ring { return &ring{chip, b.LEDs, b.Strength} }

// pattern is a look of the ring, taken apart.
type pattern struct {
	colour [3]float64
	move   func(at, off float64, t time.Duration) float64
	still  bool // it looks the same at any time
}

// parsePattern takes "blue inward" apart.
func parsePattern(look string) (pattern, error) {
	colour, move, _ := strings.Cut(look, " ")
	p := pattern{still: move == "steady" || move == "full" || move == "cross" || move == "half"}
	var ok, ok2 bool
	p.colour, ok = colours[colour]
	p.move, ok2 = movements[move]
	if !ok || !ok2 {
		return p, fmt.Errorf("linux: no ring shows %q", look)
	}
	return p, nil
}

// draw is what every output of the chip gets at a time after the pattern
// began.
func (r *ring) draw(p pattern, t time.Duration) []uint8 {
	levels := make([]uint8, r.chip.outputs())
	for i, led := range r.leds {
		at := float64(i) / float64(len(r.leds))
		bright := p.move(at, min(at, 1-at), t)
		for c, out := range led {
			// Eyes see the logarithm of light, more or less; 2.2 is what screens use.
			levels[out] = uint8(math.Round(255 * r.full * math.Pow(bright*p.colour[c], 2.2)))
		}
	}
	return levels
}
