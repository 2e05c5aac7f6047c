// Package signed is the one form that a signed statement has here: a
// COSE_Sign1 (RFC 9052, section 4.2), tagged 18, EdDSA in the protected
// header and no other header, with a context as external additional data.
//
// The algorithm is pinned and never read from the bytes, and a message has
// one encoding only.
package signed

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/veraison/go-cose"
)

// Why a message is refused.
var (
	ErrForm      = errors.New("not a COSE_Sign1 in its one encoding")
	ErrSignature = errors.New("not signed with this key for this purpose")
	ErrKey       = errors.New("no Ed25519 key")
)

// Sign wraps payload, 1 byte and up. context names the kind of statement and
// its version, so that no signature can be taken for another kind's. Equal
// input gives equal bytes.
func Sign(key ed25519.PrivateKey, context string, payload []byte) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("signed: sign: %w: %d bytes, not %d", ErrKey, len(key), ed25519.PrivateKeySize)
	}
	if len(payload) == 0 {
		return nil, fmt.Errorf("signed: sign: %w: nothing to sign", ErrForm)
	}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, key)
	if err != nil {
		return nil, fmt.Errorf("signed: sign: %w", err)
	}
	b, err := cose.Sign1(nil, signer, headers(), payload, []byte(context))
	if err != nil {
		return nil, fmt.Errorf("signed: sign: %w", err)
	}
	return b, nil
}

// Open gives the payload of what Sign made with the key's private half and
// for the same context. Anything else is ErrForm or ErrSignature. The caller
// bounds the length of b.
func Open(key ed25519.PublicKey, context string, b []byte) (payload []byte, err error) {
	// The key of all zeros is a point of order four, under which signatures can be forged.
	if len(key) != ed25519.PublicKeySize || bytes.Equal(key, make([]byte, ed25519.PublicKeySize)) {
		return nil, fmt.Errorf("signed: open: %w", ErrKey)
	}
	var read cose.Sign1Message
	if err := read.UnmarshalCBOR(b); err != nil {
		return nil, fmt.Errorf("signed: open: %w: %w", ErrForm, err)
	}
	m := cose.Sign1Message{Headers: headers(), Payload: read.Payload, Signature: read.Signature}
	if again, err := m.MarshalCBOR(); err != nil || !bytes.Equal(b, again) {
		return nil, fmt.Errorf("signed: open: %w", ErrForm)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, key)
	if err != nil {
		return nil, fmt.Errorf("signed: open: %w", err)
	}
	if err := m.Verify([]byte(context), verifier); err != nil {
		return nil, fmt.Errorf("signed: open: %w", ErrSignature)
	}
	return m.Payload, nil
}

// headers are the only ones that a message has. A verifier takes the
// algorithm from here.
func headers() cose.Headers {
	return cose.Headers{
		Protected:   cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA},
		Unprotected: cose.UnprotectedHeader{},
	}
}
