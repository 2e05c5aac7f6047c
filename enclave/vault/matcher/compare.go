package matcher

import "volar/wire"

// Farthest is the distance of captures that cannot be compared: no band in
// common, or too little overlap.
const Farthest = 0.5

// A Score is how far two captures lie apart: below 0.1 for equal codes, about 0.38
// to 0.45 for strangers, Farthest where nothing could be compared.
type Score struct {
	RGB, NIR float64
	Fused    float64 // what decisions are taken on: the mean over Bands
	Bands    Bands
}

// Bands is the set of bands that a Score rests on.
type Bands uint8

// The sets that a decision knows a threshold for.
const (
	OnlyRGB   Bands = 1
	OnlyNIR   Bands = 2
	BothBands Bands = OnlyRGB | OnlyNIR
)

// Compare measures how far the probe is from a capture. Hands are not
// looked at: Identify, Verify and SamePalm never compare across hands.
func (p *Probe) Compare(c *Capture) Score {
	var d [2]float64
	var set Bands
	sum, n := 0.0, 0.0
	for i := range d {
		d[i] = Farthest
		if p.bands[i] == nil || c.bands[i] == nil {
			continue
		}
		d[i] = distance(p.bands[i], c.bands[i])
		set |= 1 << i
		sum += d[i]
		n++
	}
	s := Score{RGB: d[bandIndex(wire.RGB)], NIR: d[bandIndex(wire.NIR)], Fused: Farthest, Bands: set}
	if n > 0 {
		s.Fused = sum / n
	}
	return s
}
