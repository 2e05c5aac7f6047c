package matcher

import (
	"encoding/binary"
	"fmt"

	"volar/wire"
)

// A template's bytes: a head of 4 (version, hand, set of bands, 0; 1 where a Scheme has scattered it), then
// for white light and for near infrared, as far as present, the code's bits
// and the bits' care, each as planes of cells rows of 32 bits, little endian,
// lowest bit first. A bit without care is 0, so that one code has one form.
const (
	templateVersion = 1
	templateHead    = 4
	planeBytes      = cells * 4
	bandBytes       = 2 * planes * planeBytes

	// TemplateMax is the length of the longest template in bytes.
	TemplateMax = templateHead + 2*bandBytes
)

// MarshalBinary is the capture's template, without pixels.
func (c *Capture) MarshalBinary() ([]byte, error) {
	var set byte
	for i, s := range c.bands {
		if s != nil {
			set |= 1 << i
		}
	}
	if set == 0 || c.hand == 0 {
		return nil, fmt.Errorf("matcher: write template: the capture is empty")
	}
	out := make([]byte, 0, TemplateMax)
	out = append(out, templateVersion, byte(c.hand), set, 0)
	for _, s := range c.bands {
		if s != nil {
			out = appendPlanes(out, &s.code.Bits)
			out = appendPlanes(out, &s.code.Care)
		}
	}
	return out, nil
}

// ParseCapture reads a template. The result can be compared against, and
// serves as a probe without the search over turns. The error is ErrTemplate
// for anything that MarshalBinary does not write.
func ParseCapture(b []byte) (*Capture, error) {
	c := new(Capture)
	if err := c.UnmarshalBinary(b); err != nil {
		return nil, err
	}
	return c, nil
}

// UnmarshalBinary is ParseCapture into a Capture that is there already, whose
// memory it uses again. After an error the Capture is wiped.
func (c *Capture) UnmarshalBinary(b []byte) error {
	hand, set, err := templateHeadOf(b)
	if err != nil {
		c.Wipe()
		return err
	}
	c.hand = hand
	b = b[templateHead:]
	for i := range c.bands {
		s := c.bands[i]
		if set>>i&1 == 0 {
			s.wipe()
			c.bands[i] = nil
			continue
		}
		if s == nil {
			s = &signature{code: new(code)}
			c.bands[i] = s
		}
		*s.code = code{}
		b = takePlanes(b, &s.code.Bits)
		b = takePlanes(b, &s.code.Care)
		s.sparse, s.shown = newSparse(s.code), s.code.shown()
		s.valid, s.strength, s.field = validity{}, 0, nil
		if !s.code.canonical() {
			c.Wipe()
			return fmt.Errorf("matcher: read template: a bit is set where none is relied upon: %w", ErrTemplate)
		}
	}
	return nil
}

// Clear overwrites the codes like Wipe, and keeps their memory for the next UnmarshalBinary.
func (c *Capture) Clear() {
	for _, s := range c.bands {
		s.wipe()
	}
	c.hand = 0
}

// templateHeadOf checks a template's head and length.
func templateHeadOf(b []byte) (hand wire.Hand, set byte, err error) {
	if len(b) < templateHead || len(b) > TemplateMax {
		return 0, 0, fmt.Errorf("matcher: read template: %d bytes: %w", len(b), ErrTemplate)
	}
	hand, set = wire.Hand(b[1]), b[2]
	if b[0] != templateVersion || (hand != wire.Left && hand != wire.Right) || set == 0 || set > 3 || b[3] != 0 {
		return 0, 0, fmt.Errorf("matcher: read template: head %x: %w", b[:templateHead], ErrTemplate)
	}
	want := templateHead
	for i := range 2 {
		want += int(set>>i&1) * bandBytes
	}
	if len(b) != want {
		return 0, 0, fmt.Errorf("matcher: read template: %d bytes, its bands take %d: %w", len(b), want, ErrTemplate)
	}
	return hand, set, nil
}

// canonical says whether every bit without care is 0.
func (c *code) canonical() bool {
	for y := range cells {
		for w := range words {
			if c.Bits[y][w]&^c.Care[y][w] != 0 {
				return false
			}
		}
	}
	return true
}

func appendPlanes(out []byte, rows *[cells]row) []byte {
	for k := range planes {
		for y := range rows {
			out = binary.LittleEndian.AppendUint32(out, half(&rows[y], k))
		}
	}
	return out
}

func takePlanes(b []byte, rows *[cells]row) []byte {
	for k := range planes {
		for y := range rows {
			rows[y][k%words] |= uint64(binary.LittleEndian.Uint32(b)) << (k / words * cells)
			b = b[4:]
		}
	}
	return b
}
