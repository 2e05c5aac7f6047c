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
	"math"
	"sync"

	"volar/wire"
)

// Errors that a caller may test for.
var (
	// ErrUnusable means that the views are well formed but show too little
	// skin, or no lines, to be compared; another wave may do better.
	ErrUnusable = errors.New("too little of the palm can be compared")
	// ErrTemplate means that bytes are not a template of this version.
	ErrTemplate = errors.New("not a template of this version")
)

// A Capture is the codes of one wave: of the white-light view, of the
// near-infrared view, or of both. It is a secret: it has no text form, and
// Wipe forgets it.
type Capture struct {
	scheme *Scheme
	hand   wire.Hand
	bands  [2]*signature // by bandIndex; nil where the wave had no such view
}

// A signature is what a Capture holds of one band.
type signature struct {
	code     *code
	sparse   sparse
	shown    float64 // see code.shown
	valid    validity
	strength float64 // of the lines, see Quality; 0 in a Capture that was parsed
	field    *field  // nil in a Capture that was parsed: a template has no pixels
}

// bandIndex orders the bands: white light before near infrared.
func bandIndex(b wire.Band) int { return int(b - wire.RGB) }

// leastValid is the share of cells that must show skin.
const leastValid = 0.4

// leastStrength is the strength of lines below which a view shows none: bare,
// blurred or fogged. Skin shows 1.3 at the least in synthetic palms, and 2.4 to 5 in real ones.
const leastStrength = 0.8

// Encode makes a Capture of 1 or 2 views of different bands, each
// wire.Side by wire.Side pixels in the palm frame with a mask of
// wire.MaskBytes. The views are not kept, but their filtered pixels are until
// Wipe, so that NewProbe can turn them. The error is ErrUnusable where a
// view shows too little skin or no lines.
func Encode(hand wire.Hand, views []wire.View) (*Capture, error) {
	return (*Scheme)(nil).Encode(hand, views)
}

// Encode is the function Encode in this scheme.
func (s *Scheme) Encode(hand wire.Hand, views []wire.View) (*Capture, error) {
	c := &Capture{scheme: s}
	if err := c.Encode(hand, views); err != nil {
		return nil, err
	}
	return c, nil
}

// Encode is the function Encode into a Capture that is there already, whose
// memory it uses again. After an error the Capture is wiped.
func (c *Capture) Encode(hand wire.Hand, views []wire.View) error {
	if err := c.encode(hand, views); err != nil {
		c.Wipe()
		return err
	}
	return nil
}

func (c *Capture) encode(hand wire.Hand, views []wire.View) error {
	if hand != wire.Left && hand != wire.Right {
		return fmt.Errorf("matcher: encode: hand %d: neither left nor right", hand)
	}
	if len(views) == 0 || len(views) > 2 {
		return fmt.Errorf("matcher: encode: %d views, 1 or 2 can be compared", len(views))
	}
	var seen [2]bool
	for i := range views {
		v := &views[i]
		if err := checkView(v); err != nil {
			return err
		}
		at := bandIndex(v.Band)
		if seen[at] {
			return fmt.Errorf("matcher: encode: band %v twice", v.Band)
		}
		seen[at] = true
		if c.bands[at] == nil {
			c.bands[at] = &signature{code: new(code)}
		}
		if err := c.bands[at].encode(v, c.scheme.filters(at)); err != nil {
			return err
		}
	}
	for i, s := range c.bands {
		if !seen[i] {
			s.wipe()
			c.bands[i] = nil
		}
	}
	c.hand = hand
	return nil
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

// drawing lends signature.encode its memory.
var drawing = sync.Pool{New: func() any { return new(drawingWork) }}

type drawingWork struct {
	normaliser
	encoding
}

func (s *signature) encode(v *wire.View, with *filters) error {
	s.valid = validOf(v)
	if n := s.valid.count(); float64(n) < leastValid*cells*cells {
		return fmt.Errorf("matcher: encode: %v view: %d of %d cells valid: %w", v.Band, n, cells*cells, ErrUnusable)
	}
	if s.field == nil {
		s.field = new(field)
	}
	w := drawing.Get().(*drawingWork)
	s.field.set(&w.normaliser, v.Pix, v.Band.Channels())
	s.strength = w.encode(s.field, with, &s.valid, s.code)
	drawing.Put(w)
	if s.strength < leastStrength {
		return fmt.Errorf("matcher: encode: %v view: lines of strength %.2f, want %.1f: %w", v.Band, s.strength, leastStrength, ErrUnusable)
	}
	s.sparse, s.shown = newSparse(s.code), s.code.shown()
	return nil
}

// Hand is the hand that the capture was said to show.
func (c *Capture) Hand() wire.Hand { return c.hand }

// Quality is the strength of the lines in the poorer band: the mean size of the
// filters' answers on skin, in local standard deviations, above 0.8 in any
// Capture that Encode made. A Capture that was parsed has quality 0, because a template has no pixels.
func (c *Capture) Quality() float64 {
	least := math.Inf(1)
	for _, s := range c.bands {
		if s != nil {
			least = min(least, s.strength)
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

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
	s.sparse, s.shown = sparse{}, 0
	if s.field != nil {
		*s.field = field{}
	}
	s.valid = validity{}
	s.strength = 0
}
