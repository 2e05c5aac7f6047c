package hal

import (
	"fmt"
	"math/bits"
	"strings"
)

// Light is the set of lamps on while a shot is taken, and how strongly they
// shine. The zero Light is dark. Bands alone mean all four lamps of each, at
// full strength; corners and a strength count for every band that is named.
type Light uint16

// The bands of a palm device. Each has four lamps.
const (
	White Light = 1 << iota
	NIR850
	NIR940

	// AllLights is every band there is.
	AllLights = White | NIR850 | NIR940
)

// The corners in which lamps stand, as the near-infrared camera's picture
// shows left, right, top and bottom. None named is all four; all four named
// is no valid Light, so that a set of lamps has one name.
const (
	TopLeft Light = 1 << (3 + iota)
	TopRight
	BottomLeft
	BottomRight

	corners = TopLeft | TopRight | BottomLeft | BottomRight
)

// Strengths below the full one, which has no bit.
const (
	ThreeQuarters Light = 1 << 7
	Half          Light = 2 << 7
	Quarter       Light = 3 << 7

	strengths = Quarter
)

// Bands is the light without corners and strength.
func (l Light) Bands() Light { return l & AllLights }

// Corners is which of the four lamps of each band are on: bit 0 top left, 1
// top right, 2 bottom left, 3 bottom right. Dark has none.
func (l Light) Corners() uint8 {
	switch {
	case l.Bands() == 0:
		return 0
	case l&corners == 0:
		return 15
	}
	return uint8(l & corners >> 3)
}

// Strength is the share of its full light that each lamp gives: 1, 0.75, 0.5
// or 0.25; 0 in the dark. A board keeps it by the current, or by lighting
// the lamp for that share of the exposure.
func (l Light) Strength() float64 {
	if l.Bands() == 0 {
		return 0
	}
	return 1 - float64(l&strengths>>7)/4
}

// Check refuses lamps that do not exist and the second name of a set.
func (l Light) Check() error {
	switch {
	case l&^(AllLights|corners|strengths) != 0,
		l != 0 && l.Bands() == 0,
		l&corners == corners:
		return fmt.Errorf("hal: unknown light %v", l)
	}
	return nil
}

// LightOf is the light of bands with the lamps in corners (as Corners gives
// them) at so many quarters of full strength, 1 to 4.
func LightOf(bands Light, at uint8, quarters int) (Light, error) {
	if at < 1 || at > 15 || quarters < 1 || quarters > 4 {
		return 0, fmt.Errorf("hal: light of corners %#x at %d quarters", at, quarters)
	}
	l := bands | Light(4-quarters)<<7
	if at != 15 {
		l |= Light(at) << 3
	}
	return l, l.Check()
}

var (
	bandNames   = [3]string{"white", "nir850", "nir940"}
	cornerNames = [4]string{"tl", "tr", "bl", "br"}
)

// String names the lamps: "dark", "white", "white+nir850", "nir850@tl",
// "white+nir940@tl,tr,br/75". Strength is in per cent.
func (l Light) String() string {
	if l == 0 {
		return "dark"
	}
	if l.Bands() == 0 || l&^(AllLights|corners|strengths) != 0 {
		return fmt.Sprintf("invalid(%#x)", uint16(l))
	}
	s := chosen(bandNames[:], uint8(l.Bands()), "+")
	if l&corners != 0 {
		s += "@" + chosen(cornerNames[:], l.Corners(), ",")
	}
	if l&strengths != 0 {
		s += fmt.Sprintf("/%d", int(100*l.Strength()))
	}
	return s
}

// chosen joins the names whose bits are set.
func chosen(names []string, set uint8, sep string) string {
	on := make([]string, 0, bits.OnesCount8(set))
	for i, n := range names {
		if set>>i&1 != 0 {
			on = append(on, n)
		}
	}
	return strings.Join(on, sep)
}

// ParseLight is the inverse of Light.String. It refuses a lamp named twice,
// lamps in another order and all four corners by name, so a set has one name.
func ParseLight(s string) (Light, error) {
	if s == "dark" {
		return 0, nil
	}
	if len(s) > 64 {
		return 0, fmt.Errorf("hal: light named in %d bytes, allowed 64", len(s))
	}
	var l Light
	rest, strength, weaker := strings.Cut(s, "/")
	bands, at, some := strings.Cut(rest, "@")
	known := add(&l, bandNames[:], bands, "+", 0) && (!some || add(&l, cornerNames[:], at, ",", 3))
	if weaker {
		bit, ok := map[string]Light{"75": ThreeQuarters, "50": Half, "25": Quarter}[strength]
		l |= bit
		known = known && ok
	}
	if !known {
		return 0, fmt.Errorf("hal: unknown light %q", s)
	}
	if l.String() != s {
		return 0, fmt.Errorf("hal: light %q is written %q", s, l)
	}
	return l, l.Check()
}

// add sets the bits of the names in a list, the first name's being shift.
func add(l *Light, names []string, list, sep string, shift int) bool {
	for word := range strings.SplitSeq(list, sep) {
		i := 0
		for i < len(names) && names[i] != word {
			i++
		}
		if i == len(names) {
			return false
		}
		*l |= 1 << (shift + i)
	}
	return true
}
