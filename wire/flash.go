package wire

import "crypto/sha256"

// FlashCount is how many coded shots a burst has.
const FlashCount = 4

// The corners of a Flash, as bits. README.md says where they are.
const (
	TopLeft uint8 = 1 << iota
	TopRight
	BottomLeft
	BottomRight
)

// Flash is the light of one coded shot: the white lamps and those of one
// near-infrared band, in the same corners, at the same strength.
type Flash struct {
	At940    bool  // 940 nm rather than 850
	Corners  uint8 // one corner, or three
	Quarters uint8 // strength in quarters of the full one: 2, 3 or 4
}

// Alone is the corner, 0 to 3, that the flash is about: the one that is lit,
// or the one that is not.
func (f Flash) Alone() (corner int, lit bool) {
	for corner = range 4 {
		switch f.Corners {
		case 1 << corner:
			return corner, true
		case 15 &^ (1 << corner):
			return corner, false
		}
	}
	return 0, false
}

// Flashes is the code that a nonce asks for: section "The code of light" of
// README.md. Every corner has its turn, in an order, alone or left out, in a
// band and at a strength that follow from the nonce: 497,664 codes.
func Flashes(n Nonce) [FlashCount]Flash {
	d := sha256.Sum256(append([]byte("volar/light/1"), n[:]...))
	order := [FlashCount]uint8{0, 1, 2, 3}
	for i := range FlashCount - 1 {
		j := i + int(d[i])%(FlashCount-i)
		order[i], order[j] = order[j], order[i]
	}
	var out [FlashCount]Flash
	for k := range out {
		f := Flash{At940: d[4+k]&2 != 0, Corners: 1 << order[k], Quarters: 4 - d[8+k]%3}
		if d[4+k]&1 != 0 {
			f.Corners ^= 15
		}
		out[k] = f
	}
	return out
}
