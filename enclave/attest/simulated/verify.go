package simulated

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"volar/enclave/attest"
	"volar/wire/canonical"
	"volar/wire/signed"
)

// statementContext keeps a simulated platform's signature from being taken
// for anything else that is signed with Ed25519.
const statementContext = "volar/quote/simulated/1"

// statement is what a simulated platform signs, as CBOR: {1: version,
// 2: report data, 3: register}.
type statement struct {
	Version    uint8  `cbor:"1,keyasint"`
	ReportData []byte `cbor:"2,keyasint"`
	Register   []byte `cbor:"3,keyasint"`
}

var codec = canonical.New(4, 16)

// Sign makes the Body of simulated evidence over reportData and the
// register's value.
func Sign(key ed25519.PrivateKey, reportData [64]byte, register [32]byte) ([]byte, error) {
	payload, err := codec.Marshal(statement{1, reportData[:], register[:]})
	if err != nil {
		return nil, fmt.Errorf("simulated: sign: %w", err)
	}
	return signed.Sign(key, statementContext, payload)
}

// Verifier checks statements of simulated platforms. They have no
// certificates, so the time does not matter; the nonce makes them fresh.
type Verifier struct{}

var _ attest.Verifier = Verifier{}

// Kind implements attest.Verifier.
func (Verifier) Kind() string { return attest.KindSimulated }

// Verify implements attest.Verifier.
func (Verifier) Verify(e attest.Evidence, events attest.Events, p attest.Policy, reportData [64]byte, _ time.Time) (notice string, err error) {
	if p.Simulated == nil {
		return "", fmt.Errorf("simulated: verify: %w", attest.ErrSimulated)
	}
	register := events.Register()
	want, err := codec.Marshal(statement{1, reportData[:], register[:]})
	if err != nil {
		return "", fmt.Errorf("simulated: verify: %w", err)
	}
	for _, key := range p.Simulated.Keys {
		payload, err := signed.Open(key[:], statementContext, e.Body)
		switch {
		case errors.Is(err, signed.ErrForm):
			return "", fmt.Errorf("simulated: verify: %w: %w", attest.ErrMalformed, err)
		case err != nil:
		case !bytes.Equal(payload, want):
			return "", fmt.Errorf("simulated: verify: %w", attest.ErrBinding)
		default:
			return attest.Notice(attest.KindSimulated), nil
		}
	}
	return "", fmt.Errorf("simulated: verify: %w", attest.ErrSignature)
}
