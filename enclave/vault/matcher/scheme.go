package matcher

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"volar/wire"
)

// A Scheme is how a tenant's palms are coded: which filters are used, and in
// which order a template holds its bits. All of it follows from the tenant's
// key, so that what two tenants store of one palm has nothing in common for whoever
// lacks either key, and that after a leak a new key makes new codes of the same palms. The nil
// Scheme is the plain one.
//
// The filters of each band are those of the plain scheme with orientations,
// wavelengths and phases drawn anew. Each takes the plane of the plain filter whose orientation is nearest, because
// a search begins with some of the planes, and those were chosen by what plain ones show. A template's bits are
// permuted, and those that can be relied upon are flipped or not. README.md says what this
// protects and what it does not. A Scheme is a secret.
type Scheme struct {
	taps   [2]filters // by bandIndex
	layout [2]layout
}

// What a scheme draws.
const (
	jitter       = 10.0 // degrees to either side of evenly spaced orientations
	leastWave    = 11.0 // pixels of the palm frame
	mostWave     = 16.0
	schemeSecret = "volar/scheme/1" // HKDF's info
)

// NewScheme derives the scheme of a key.
func NewScheme(key [32]byte) *Scheme {
	s := new(Scheme)
	for _, band := range []wire.Band{wire.RGB, wire.NIR} {
		seed, err := hkdf.Key(sha256.New, key[:], nil, schemeSecret+" "+band.String(), 32)
		if err != nil {
			panic(err) // 32 bytes are never too many
		}
		draw := rand.New(rand.NewChaCha8([32]byte(seed)))
		i := bandIndex(band)
		g, drawn := drawGabors(draw)
		s.taps[i], s.layout[i] = filtersOf(g), drawLayout(draw, drawn)
	}
	return s
}

// drawGabors draws the filters of the planes, and in which order a stored template has these.
func drawGabors(draw *rand.Rand) (g [planes]gabor, order [planes]int) {
	const step = 180.0 / planes
	first := step * draw.Float64()
	nearest := int(math.Round(first / step)) // of the plain filters, to the first
	for i, k := range draw.Perm(planes) {
		plane := (i + nearest) % planes
		off := float64(jitter * float64(2*draw.Float64()-1))
		order[plane] = k
		g[plane] = gabor{
			angle:  (first + float64(step*float64(i)) + off) * math.Pi / 180,
			length: leastWave + float64((mostWave-leastWave)*draw.Float64()),
			phase:  2 * math.Pi * draw.Float64(),
		}
	}
	return g, order
}

// filters are the taps to use for a band.
func (s *Scheme) filters(band int) *filters {
	if s == nil {
		return &plain
	}
	return &s.taps[band]
}

// codeBits is the number of bits of one band's code.
const codeBits = planes * cells * cells

// A layout is the order of a template's bits: bit i goes to place to[i], and is
// flipped where flip says so.
type layout struct {
	to   [codeBits]uint16
	flip [codeBits / 8]byte
}

// drawLayout draws the layout of a template that has its planes in an order.
func drawLayout(draw *rand.Rand, order [planes]int) (l layout) {
	to := draw.Perm(codeBits)
	var flip [codeBits / 8]byte
	for i := 0; i < len(flip); i += 8 {
		binary.LittleEndian.PutUint64(flip[i:], draw.Uint64())
	}
	const bits = cells * cells // of a plane
	for plane, k := range order {
		for i := range bits {
			l.to[plane*bits+i] = uint16(to[k*bits+i])
		}
		copy(l.flip[plane*bits/8:][:bits/8], flip[k*bits/8:])
	}
	return l
}

// markAt is the byte of a template's head that says whether it is scattered.
const markAt = 3

// Scatter makes of a template the one that is stored: another with the bits of each band in the
// scheme's order. The plain scheme has no order of its own: it stores a copy.
func (s *Scheme) Scatter(template []byte) ([]byte, error) {
	return s.reorder(template, 0, (*layout).scatter)
}

// Gather is the way back. The error is ErrTemplate for anything that Scatter does
// not make; a template of another key becomes one that is near to nobody.
func (s *Scheme) Gather(stored []byte) ([]byte, error) {
	return s.reorder(stored, 1, (*layout).gather)
}

func (s *Scheme) reorder(in []byte, mark byte, how func(l *layout, bits, care []byte)) ([]byte, error) {
	if s == nil {
		if _, _, err := templateHeadOf(in); err != nil {
			return nil, err
		}
		return bytes.Clone(in), nil
	}
	if len(in) < templateHead || in[markAt] != mark {
		return nil, fmt.Errorf("matcher: reorder template: not marked %d: %w", mark, ErrTemplate)
	}
	out := append([]byte(nil), in...)
	out[markAt] = 0
	_, set, err := templateHeadOf(out)
	if err != nil {
		return nil, err
	}
	out[markAt] = 1 - mark
	at := templateHead
	for i := range s.layout {
		if set>>i&1 == 1 {
			bits, care := out[at:at+bandBytes/2], out[at+bandBytes/2:at+bandBytes]
			how(&s.layout[i], bits, care)
			for j := range bits {
				if bits[j]&^care[j] != 0 {
					clear(out)
					return nil, fmt.Errorf("matcher: reorder template: a bit is set where none is relied upon: %w", ErrTemplate)
				}
			}
			at += bandBytes
		}
	}
	return out, nil
}

// scatter brings bits and care, as a template holds them, from the plain order into the layout's.
func (l *layout) scatter(bits, care []byte) {
	var b, c [codeBits / 8]byte
	for i, to := range l.to {
		known := care[i/8] >> (i % 8) & 1
		c[to/8] |= known << (to % 8)
		b[to/8] |= (bits[i/8]>>(i%8) ^ l.flip[i/8]>>(i%8)&known) & 1 << (to % 8)
	}
	copy(bits, b[:])
	copy(care, c[:])
	clear(b[:])
}

// gather is the way back.
func (l *layout) gather(bits, care []byte) {
	var b, c [codeBits / 8]byte
	for i, to := range l.to {
		known := care[to/8] >> (to % 8) & 1
		c[i/8] |= known << (i % 8)
		b[i/8] |= (bits[to/8]>>(to%8) ^ l.flip[i/8]>>(i%8)&known) & 1 << (i % 8)
	}
	copy(bits, b[:])
	copy(care, c[:])
	clear(b[:])
}
