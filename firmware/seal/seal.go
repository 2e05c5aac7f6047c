// Package seal makes the one thing that leaves the device, a sample, and
// takes it to the vault. What it was made of is overwritten.
package seal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"volar/wire"
)

// Vault is a session with a vault whose evidence has been checked.
// *link.Session is one.
type Vault interface {
	// Call sends m and returns the answer. After an error, which may be that
	// of ctx, the session is of no more use and is closed by the caller.
	Call(ctx context.Context, m wire.Message) (wire.Message, error)
	Close() error
}

// What can go wrong beside the session. Callers test with errors.Is.
var (
	ErrRefused  = errors.New("vault refused")
	ErrProtocol = errors.New("vault answered out of turn")
	ErrNoView   = errors.New("a view shows too little skin")
)

// minCells is the least number of a mask's 1024 cells that make a view worth
// sending: the matcher wants 9 of its 16 blocks.
const minCells = 1024 * 9 / 16

// Begin asks the vault for a wave and returns the nonce to be sealed with the
// sample. ErrRefused means that the vault wants no sample.
func Begin(ctx context.Context, v Vault, purpose wire.Purpose, person wire.Person) (wire.Nonce, error) {
	reply, err := v.Call(ctx, wire.Begin{Purpose: purpose, Person: person})
	if err != nil {
		return wire.Nonce{}, fmt.Errorf("seal: begin %v: %w", purpose, err)
	}
	switch m := reply.(type) {
	case wire.Challenge:
		return m.Nonce, nil
	case wire.Answer:
		if m.Status == wire.Refused {
			return wire.Nonce{}, fmt.Errorf("seal: begin %v: %w", purpose, ErrRefused)
		}
	}
	return wire.Nonce{}, fmt.Errorf("seal: begin %v: %w: %T", purpose, ErrProtocol, reply)
}

// Palm is a rectified palm: crops in the palm frame, wire.Side pixels a side,
// with their masks, and what shows that it lives. Seal overwrites crops and
// proof.
type Palm struct {
	Hand             wire.Hand
	Distance         float64 // mm
	Tilt             float64 // degrees
	Quality          uint8   // 1 to 100
	RGB, NIR         []byte
	RGBMask, NIRMask []byte
	Proof            wire.Proof
}

// Seal makes the sample that answers a nonce and overwrites the palm's crops and proof,
// also where it returns an error. Both views must show skin enough to compare:
// the vault judges life by both. The caller wipes the sample.
func Seal(nonce wire.Nonce, p *Palm) (wire.Sample, error) {
	defer clear(p.RGB)
	defer clear(p.NIR)
	defer p.Proof.Wipe()
	s := wire.Sample{
		Nonce:    nonce,
		Hand:     p.Hand,
		Distance: tenths(p.Distance),
		Tilt:     tenths(p.Tilt),
		Quality:  p.Quality,
		Proof:    p.Proof.Clone(),
	}
	for _, v := range []wire.View{
		{Band: wire.RGB, Pix: p.RGB, Mask: p.RGBMask},
		{Band: wire.NIR, Pix: p.NIR, Mask: p.NIRMask},
	} {
		if cells(v.Mask) < minCells {
			s.Wipe()
			return wire.Sample{}, fmt.Errorf("seal: make a sample: %w: %v has %d of 1024 cells, needs %d", ErrNoView, v.Band, cells(v.Mask), minCells)
		}
		s.Views = append(s.Views, wire.View{
			Band: v.Band,
			Pix:  append([]byte(nil), v.Pix...),
			Mask: append([]byte(nil), v.Mask...),
		})
	}
	if err := s.Check(); err != nil {
		s.Wipe()
		return wire.Sample{}, fmt.Errorf("seal: make a sample: %w", err)
	}
	return s, nil
}

// Send takes the sample to the vault and wipes it.
func Send(ctx context.Context, v Vault, s wire.Sample) (wire.Answer, error) {
	reply, err := v.Call(ctx, s)
	s.Wipe()
	if err != nil {
		return wire.Answer{}, fmt.Errorf("seal: send a sample: %w", err)
	}
	a, ok := reply.(wire.Answer)
	if !ok {
		return wire.Answer{}, fmt.Errorf("seal: send a sample: %w: %T", ErrProtocol, reply)
	}
	return a, nil
}

// tenths is x in tenths, within what the wire can say.
func tenths(x float64) uint16 {
	if !(x > 0) {
		return 0
	}
	return uint16(min(math.Round(10*x), math.MaxUint16))
}

func cells(mask []byte) int {
	n := 0
	for _, b := range mask {
		n += bits.OnesCount8(b)
	}
	return n
}
