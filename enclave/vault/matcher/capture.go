// Package matcher turns rectified palms into codes and decides whether two
// codes come from one palm. README.md in this folder describes the method,
// the template's bytes and where the thresholds come from.
//
// Everything here is plain Go on values in memory: no files, no network, no
// clocks, no randomness. One input gives one output on every architecture.
package matcher

import (
	"errors"
	"fmt"

	"volar/wire"
)

// Errors that a caller may test for.
var (
	// ErrUnusable means that the views are well formed but show too little
	// skin to be compared; another wave may do better.
	ErrUnusable = errors.New("too little of the palm can be compared")
	// ErrTemplate means that bytes are not a template of this version.
	ErrTemplate = errors.New("not a template of this version")
)

// A Capture is the codes of one wave: of the white-light view, of the
// near-infrared view, or of both. It is a secret: it has no text form, and
// Wipe forgets it.
type Capture struct {
	hand  wire.Hand
	bands [2]*signature // by bandIndex; nil where the wave had no such view
}

// A signature is what a Capture holds of one band.
type signature struct {
	code   *code
	sparse sparse
	valid  validity
	field  *field // nil in a Capture that was parsed: a template has no pixels
}

// bandIndex orders the bands: white light before near infrared.
func bandIndex(b wire.Band) int { return int(b - wire.RGB) }

// leastValid is the share of cells that must show skin.
const leastValid = 0.4

// upright is the bank of enrolled codes.
var upright = newBank(pose{scale: 1})

// Encode makes a Capture of 1 or 2 views of different bands, each
// wire.Side by wire.Side pixels in the palm frame with a mask of
// wire.MaskBytes. The views are not kept, but their filtered pixels are until
// Wipe, so that NewProbe can turn them. The error is ErrUnusable where a
// view shows too little skin.
func Encode(hand wire.Hand, views []wire.View) (*Capture, error) {
	if hand != wire.Left && hand != wire.Right {
		return nil, fmt.Errorf("matcher: encode: hand %d: neither left nor right", hand)
	}
	if len(views) == 0 || len(views) > 2 {
		return nil, fmt.Errorf("matcher: encode: %d views, 1 or 2 can be compared", len(views))
	}
	c := &Capture{hand: hand}
	for i := range views {
		v := &views[i]
		if err := checkView(v); err != nil {
			c.Wipe()
			return nil, err
		}
		at := bandIndex(v.Band)
		if c.bands[at] != nil {
			c.Wipe()
			return nil, fmt.Errorf("matcher: encode: band %v twice", v.Band)
		}
		s, err := newSignature(v)
		if err != nil {
			c.Wipe()
			return nil, err
		}
		c.bands[at] = s
	}
	return c, nil
}

func checkView(v *wire.View) error {
	channels := v.Band.Channels()
	if channels == 0 {
		return fmt.Errorf("matcher: encode: band %d is unknown", v.Band)
	}
	if want := wire.Side * wire.Side * channels; len(v.Pix) != want {
		return fmt.Errorf("matcher: encode: %v view: %d bytes of pixels, want %d", v.Band, len(v.Pix), want)
	}
	if len(v.Mask) != wire.MaskBytes {
		return fmt.Errorf("matcher: encode: %v view: %d bytes of mask, want %d", v.Band, len(v.Mask), wire.MaskBytes)
	}
	return nil
}

func newSignature(v *wire.View) (*signature, error) {
	s := &signature{valid: validOf(v)}
	if n := s.valid.count(); float64(n) < leastValid*cells*cells {
		return nil, fmt.Errorf("matcher: encode: %v view: %d of %d cells valid: %w", v.Band, n, cells*cells, ErrUnusable)
	}
	s.field = newField(v.Pix, v.Band.Channels())
	s.code = encode(s.field, upright, &s.valid)
	s.sparse = newSparse(s.code)
	return s, nil
}

// Hand is the hand that the capture was said to show.
func (c *Capture) Hand() wire.Hand { return c.hand }

// Has says whether the capture holds a band.
func (c *Capture) Has(b wire.Band) bool {
	return b.Channels() != 0 && c.bands[bandIndex(b)] != nil
}

// Wipe overwrites the codes and pixels. The Capture compares to nothing afterwards.
func (c *Capture) Wipe() {
	for i, s := range c.bands {
		s.wipe()
		c.bands[i] = nil
	}
	c.hand = 0
}

func (s *signature) wipe() {
	if s == nil {
		return
	}
	*s.code = code{}
	s.sparse = sparse{}
	if s.field != nil {
		*s.field = field{}
	}
	s.valid = validity{}
}
