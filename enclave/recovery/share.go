package recovery

import (
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
)

// Share is one holder's part of a recovery key. It prints as nothing.
type Share struct {
	Tenant     string
	Generation uint64
	Threshold  uint8
	Shares     uint8
	key        [32]byte // SHA-256 of the public half
	point      point
}

// Format hides the share from every verb.
func (s Share) Format(f fmt.State, _ rune) { fmt.Fprint(f, "recovery share (secret)") }

// MarshalJSON refuses.
func (s Share) MarshalJSON() ([]byte, error) {
	return nil, errors.New("recovery: a share is secret and has no JSON")
}

// Number tells the holders' shares apart: 1 and up.
func (s Share) Number() int { return int(s.point.x) }

// Wipe zeroes the share.
func (s Share) Wipe() { clear(s.point.y) }

// MaxShareText bounds a share as text, in bytes.
const MaxShareText = 2 << 10

const shareType = "VOLAR RECOVERY SHARE"

type shareForm struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8
	Tenant     string
	Generation uint64
	Threshold  uint8
	Shares     uint8
	Key        [32]byte
	X          uint8
	Y          [32]byte
	Check      [4]byte // of SHA-256 over all of it with zeros here, against slips of whoever typed it in
}

func (f shareForm) sum() ([4]byte, error) {
	f.Check = [4]byte{}
	b, err := codec.Marshal(f)
	if err != nil {
		return [4]byte{}, err
	}
	defer clear(b)
	h := sha256.Sum256(b)
	return [4]byte(h[:4]), nil
}

// Text is the share as PEM, to be kept on paper or on a stick.
func (s Share) Text() ([]byte, error) {
	f := shareForm{Version: version, Tenant: s.Tenant, Generation: s.Generation, Threshold: s.Threshold, Shares: s.Shares,
		Key: s.key, X: s.point.x}
	copy(f.Y[:], s.point.y)
	var err error
	if f.Check, err = f.sum(); err != nil {
		return nil, fmt.Errorf("recovery: write share: %w", err)
	}
	b, err := codec.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("recovery: write share: %w", err)
	}
	defer clear(b)
	return pem.EncodeToMemory(&pem.Block{Type: shareType, Bytes: b}), nil
}

// ParseShare reads what Text wrote; what stands around it is passed over.
func ParseShare(text []byte) (Share, error) {
	if len(text) > MaxShareText {
		return Share{}, fmt.Errorf("recovery: read share: %w: %d bytes, at most %d", ErrMalformed, len(text), MaxShareText)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != shareType || len(block.Headers) > 0 {
		return Share{}, fmt.Errorf("recovery: read share: %w: no block of type %q", ErrMalformed, shareType)
	}
	var f shareForm
	if err := codec.Unmarshal(block.Bytes, &f); err != nil {
		return Share{}, fmt.Errorf("recovery: read share: %w: %w", ErrMalformed, err)
	}
	sum, err := f.sum()
	switch {
	case err != nil:
		return Share{}, fmt.Errorf("recovery: read share: %w", err)
	case sum != f.Check:
		return Share{}, fmt.Errorf("recovery: read share: %w: its check does not match: a character is wrong", ErrMalformed)
	case f.Version != version || f.X == 0 || f.Threshold < 2 || f.Shares < f.Threshold || f.X > f.Shares || f.Shares > MaxShares:
		return Share{}, fmt.Errorf("recovery: read share: %w: version %d, share %d of %d", ErrMalformed, f.Version, f.X, f.Shares)
	}
	return Share{f.Tenant, f.Generation, f.Threshold, f.Shares, f.Key, point{f.X, f.Y[:]}}, nil
}
