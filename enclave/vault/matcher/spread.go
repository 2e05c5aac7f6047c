package matcher

import (
	"math"
	"math/bits"
)

// A spread is how much two codes agree by chance: the standard deviation of the
// penalised agreement over the white places of the first stage, nearly all of which are
// wrong. Codes of few long lines agree more at wrong places than codes of many short ones, as
// if they had fewer bits, and so does what the search finds best among strangers.
type spread float64

// level is a distance as it would be at the usual spread. One pair's spread is
// known with an error of its own, so only a share of its deviation is
// believed: as much as synthetic strangers' distances follow it (fitted.go).
func (s spread) level(d float64) float64 {
	by := 1 + float64(agreed.follow*(float64(s)/agreed.spread-1))
	return max(Farthest-(Farthest-d)/by, 0)
}

// A chanceLaw is what is known of spreads from synthetic strangers: their mean,
// and the slope of the logarithm of agreement over theirs.
type chanceLaw struct{ spread, follow float64 }

// hidden is the share of a palm's cells beyond which its spread says nothing. The first stage knows no
// care, so the hidden cells of both agree, and the spread tells where they lie.
const hidden = 0.125

// shown is the share of the cells where any bit can be relied upon.
func (c *code) shown() float64 {
	n := 0
	for y := range c.Care {
		var any uint64
		for _, v := range c.Care[y] {
			any |= v
		}
		n += bits.OnesCount32(uint32(any) | uint32(any>>cells))
	}
	return float64(n) / (cells * cells)
}

// moments add up agreement over places.
type moments struct{ n, sum, squares float64 }

// add adds n places at one shift, where so many bits differ together and in the sum of their squares.
func (m *moments) add(k *sparseShift, n, differ, squares int) {
	places, d := float64(n), float64(differ)
	m.n += places
	m.sum += float64((float64(places*k.half) - d) * k.weight)
	m.squares += float64((float64(squares) - float64(2*k.half*d) + float64(places*k.half*k.half)) * float64(k.weight*k.weight))
}

// spread is that of two codes of which at least such a share is shown.
func (m *moments) spread(shown float64) spread {
	mean := m.sum / m.n
	found := math.Sqrt(max(m.squares/m.n-float64(mean*mean), 0))
	return spread(agreed.spread + float64(trust(shown)*(found-agreed.spread)))
}

// trust is how much is believed of a spread when so much of both is shown.
func trust(shown float64) float64 { return max(1-float64((1-shown)/hidden), 0) }
