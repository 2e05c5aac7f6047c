// Package proof makes what a judge of life needs beside the crops of a palm:
// where the palm was in every shot of a burst, and how much light each cell of
// it gave back in each, in units of a white card. The device's judge and the
// vault's see the same numbers (wire.Proof), and README.md of package wire
// says what each of them means.
package proof

import (
	"errors"
	"fmt"
	"math"

	"volar/firmware/capture"
	"volar/hal"
	"volar/wire"
)

// Palm is where a palm was found in a burst. Homographies are row major and
// take crop pixels (0 to wire.Side) to pixels of a frame.
type Palm struct {
	ToNIR   [9]float64            // in the NIR camera's frame at 850 nm
	ToRGB   [9]float64            // in the RGB camera's frame under white
	Mask    []byte                // wire.MaskBytes: where the NIR crop shows skin
	NIR940  []byte                // the crop at 940 nm, wire.Side a side
	Corners [3][3]float64         // of the crop's points (0, 0), (Side, 0), (0, Side), mm in the NIR camera's frame
	Relief  [wire.Reliefs]float64 // mm towards the camera, NaN where unknown
}

// ErrLost means that the palm was not found again in a later shot.
var ErrLost = errors.New("palm was lost between two shots")

// ErrLamps means that the unit's lamps were never measured.
var ErrLamps = errors.New("the board's lamps are not calibrated")

// Make makes the proof of a burst. It belongs to the caller, who wipes it.
func Make(b *capture.Burst, cal *hal.Calibration, p *Palm) (wire.Proof, error) {
	if cal.Lamps == ([3]hal.Bank{}) {
		return wire.Proof{}, fmt.Errorf("proof: make: %w", ErrLamps)
	}
	path, err := follow(b, p)
	if err != nil {
		return wire.Proof{}, fmt.Errorf("proof: make: %w", err)
	}
	out := wire.NewProof()
	halve(out.NIR940, p.NIR940)
	for i, at := range path.later {
		out.Track[i] = wire.Motion{X: fixed(64 * at.x), Y: fixed(64 * at.y), After: uint16(min(path.after[i]*1e4, math.MaxUint16))}
	}
	for i, r := range p.Relief {
		out.Relief[i] = wire.NoRelief
		if !math.IsNaN(r) {
			out.Relief[i] = int8(max(-127, min(127, math.Round(10*r))))
		}
	}
	for i, bank := range cal.Lamps {
		for k, at := range bank.At {
			out.Lamps[i][k] = [2]int16{fixed(10 * at[0]), fixed(10 * at[1])}
		}
	}
	for i, c := range p.Corners {
		out.Place[i] = [3]int16{fixed(10 * c[0]), fixed(10 * c[1]), fixed(10 * c[2])}
	}
	light(&out, b, cal, p, path)
	return out, nil
}

// fixed rounds to what an int16 can say; what is no number is 0.
func fixed(x float64) int16 {
	if math.IsNaN(x) {
		return 0
	}
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(x))))
}

// halve shrinks a crop to means of 2 by 2 pixels.
func halve(dst, src []byte) {
	for y := range wire.Side940 {
		for x := range wire.Side940 {
			i := 2*y*wire.Side + 2*x
			sum := int(src[i]) + int(src[i+1]) + int(src[i+wire.Side]) + int(src[i+wire.Side+1])
			dst[y*wire.Side940+x] = byte((sum + 2) / 4)
		}
	}
}

// shifted is h for a crop that has moved by d.
func shifted(h [9]float64, d shift) [9]float64 {
	for i := range 3 {
		h[3*i+2] += h[3*i]*d.x + h[3*i+1]*d.y
	}
	return h
}

// shift is a movement in crop pixels.
type shift struct{ x, y float64 }
