package attest

import (
	"errors"
	"fmt"

	"volar/wire/canonical"
)

// Limits of evidence, in bytes. MaxEvidence is what the link carries.
const (
	MaxEvidence = 32 << 10
	maxKind     = 32
	maxBody     = 24 << 10 // a Nitro document is about 5 KiB, an SNP report with its certificates about 6 KiB
	maxLog      = 1 << 10
)

// ErrMalformed is returned for bytes that are no evidence of this version.
var ErrMalformed = errors.New("malformed")

// Evidence is a platform's statement about the vault that runs on it.
type Evidence struct {
	Kind  string // which Verifier understands Body
	Body  []byte // the signed statement
	Log   []byte // Events, encoded
	Epoch uint64 // how far the vault's gallery has come; it is in the report data too
}

// version is the first field of everything that this package encodes.
const version = 1

// evidenceBytes is Evidence as CBOR: {1: version, 2: kind, 3: body, 4: log,
// 5: epoch}.
type evidenceBytes struct {
	Version uint8  `cbor:"1,keyasint"`
	Kind    string `cbor:"2,keyasint"`
	Body    []byte `cbor:"3,keyasint"`
	Log     []byte `cbor:"4,keyasint"`
	Epoch   uint64 `cbor:"5,keyasint"`
}

// Marshal returns the one encoding of e, at most MaxEvidence bytes.
func (e Evidence) Marshal() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("attest: encode evidence: %w", err)
	}
	return codec.Marshal(evidenceBytes{version, e.Kind, e.Body, e.Log, e.Epoch})
}

// ParseEvidence reads what Marshal wrote and nothing else; other bytes are
// an error that wraps ErrMalformed.
func ParseEvidence(b []byte) (Evidence, error) {
	if len(b) > MaxEvidence {
		return Evidence{}, fmt.Errorf("attest: parse evidence: %w: %d bytes, at most %d", ErrMalformed, len(b), MaxEvidence)
	}
	var w evidenceBytes
	if err := decode(b, &w); err != nil {
		return Evidence{}, fmt.Errorf("attest: parse evidence: %w", err)
	}
	e := Evidence{w.Kind, w.Body, w.Log, w.Epoch}
	if w.Version != version {
		return Evidence{}, fmt.Errorf("attest: parse evidence: %w: version %d, want %d", ErrMalformed, w.Version, version)
	}
	if err := e.check(); err != nil {
		return Evidence{}, fmt.Errorf("attest: parse evidence: %w", err)
	}
	return e, nil
}

// check keeps every field between one byte and its limit.
func (e Evidence) check() error {
	for _, f := range []struct {
		name       string
		size, most int
	}{{"kind", len(e.Kind), maxKind}, {"body", len(e.Body), maxBody}, {"log", len(e.Log), maxLog}} {
		if f.size == 0 || f.size > f.most {
			return fmt.Errorf("%w: %s of %d bytes, want 1 to %d", ErrMalformed, f.name, f.size, f.most)
		}
	}
	return nil
}

var codec = canonical.New(4, 16)

// decode reads b into v and refuses any b that encoding v again would not
// give, byte for byte.
func decode(b []byte, v any) error {
	if err := codec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
