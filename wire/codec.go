package wire

import (
	"errors"
	"fmt"

	"volar/wire/canonical"
)

// Type is the second field of every message, after the version.
type Type uint8

// The types. None is used twice, so bytes of one kind are never read as another.
const (
	TypeBegin Type = 1 + iota
	TypeChallenge
	typeRetired // a sample without a proof
	TypeAnswer
	TypeHello
	TypeCredential
	TypeEnvelope
	TypeBlobRequest
	TypeBlobReply
	TypeReceipt
	TypeSample
)

var typeNames = [...]string{"no type", "begin", "challenge", "retired", "answer", "hello", "credential",
	"envelope", "blob request", "blob reply", "receipt", "sample"}

// String names the type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "no type"
}

// Limits of what is decoded, in bytes and in elements.
const (
	MaxMessage  = 77 << 10 // a Begin, Challenge, Sample or Answer; a Sample of two views takes 78,795
	MaxElements = 4096     // of any list
)

// ErrVersion means that the bytes are of another version of this protocol.
var ErrVersion = errors.New("other version")

// ErrNotCanonical means that the bytes mean something, but are not the one
// encoding of it that is allowed.
var ErrNotCanonical = canonical.ErrNotCanonical

// codec takes what is nested as deep as the views of a sample: 3, and the
// library takes no bound under 4.
var codec = canonical.New(4, MaxElements)

// marshal encodes a form (a struct that is an array on the wire, with the
// version first) of at most limit bytes.
func marshal(t Type, form any, limit int) ([]byte, error) {
	b, err := codec.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("wire: encode %v: %w", t, err)
	}
	if len(b) > limit {
		n := len(b)
		clear(b)
		return nil, fmt.Errorf("wire: encode %v: %d bytes, at most %d", t, n, limit)
	}
	return b, nil
}

// unmarshal decodes exactly what marshal makes of the form F, and refuses
// every other encoding of the same values by encoding again.
func unmarshal[F any](t Type, b []byte, limit int) (F, error) {
	var form, none F
	got, err := peek(b, limit)
	if err != nil {
		return none, fmt.Errorf("wire: decode %v: %w", t, err)
	}
	if got != t {
		return none, fmt.Errorf("wire: decode %v: this is %v (%d)", t, got, uint8(got))
	}
	if err := codec.Unmarshal(b, &form); err != nil {
		return none, fmt.Errorf("wire: decode %v: %w", t, err)
	}
	return form, nil
}

// peek reads the length of b, then the version, then the type: the first
// three bytes of every message are an array's head, the version, the type.
func peek(b []byte, limit int) (Type, error) {
	switch {
	case len(b) > limit:
		return 0, fmt.Errorf("%d bytes, at most %d", len(b), limit)
	case len(b) < 3:
		return 0, fmt.Errorf("%d bytes, at least 3", len(b))
	case b[0]&0xe0 != 0x80:
		return 0, fmt.Errorf("first byte %#02x is not an array", b[0])
	case b[1] != Version:
		return 0, fmt.Errorf("%w: %d, this is %d", ErrVersion, b[1], Version)
	}
	return Type(b[2]), nil
}
