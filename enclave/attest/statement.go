package attest

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/veraison/go-cose"
)

// simulatedContext keeps a simulated platform's signature from being taken
// for anything else that is signed with Ed25519.
var simulatedContext = []byte("volar/quote/simulated/1")

// statement is what a simulated platform signs, as CBOR: {1: version,
// 2: report data, 3: register}.
type statement struct {
	Version    uint8  `cbor:"1,keyasint"`
	ReportData []byte `cbor:"2,keyasint"`
	Register   []byte `cbor:"3,keyasint"`
}

// SignSimulated makes the Body of simulated evidence: a COSE_Sign1 message
// (EdDSA, external AAD "volar/quote/simulated/1") over reportData and the
// register's value.
func SignSimulated(key ed25519.PrivateKey, reportData [64]byte, register [32]byte) ([]byte, error) {
	payload, err := codec.Marshal(statement{version, reportData[:], register[:]})
	if err != nil {
		return nil, fmt.Errorf("attest: sign statement: %w", err)
	}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, key)
	if err != nil {
		return nil, fmt.Errorf("attest: sign statement: %w", err)
	}
	m := cose.NewSign1Message()
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	m.Payload = payload
	if err := m.Sign(nil, simulatedContext, signer); err != nil {
		return nil, fmt.Errorf("attest: sign statement: %w", err)
	}
	return m.MarshalCBOR()
}

// simulatedVerifier checks statements of simulated platforms. They have no
// certificates, so the time does not matter; the nonce makes them fresh.
type simulatedVerifier struct{}

var _ Verifier = simulatedVerifier{}

func (simulatedVerifier) Verify(e Evidence, events Events, p Policy, reportData [64]byte, _ time.Time) error {
	register := events.Register()
	want, err := codec.Marshal(statement{version, reportData[:], register[:]})
	if err != nil {
		return fmt.Errorf("attest: verify: %w", err)
	}
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(e.Body); err != nil {
		return fmt.Errorf("attest: verify: %w: statement: %w", ErrMalformed, err)
	}
	// One encoding only: the algorithm in the protected header and no other
	// header, as SignSimulated writes it.
	m.Headers = cose.Headers{Protected: cose.ProtectedHeader{}, Unprotected: cose.UnprotectedHeader{}}
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	if again, err := m.MarshalCBOR(); err != nil || !bytes.Equal(again, e.Body) {
		return fmt.Errorf("attest: verify: %w: statement is not in the canonical encoding", ErrMalformed)
	}
	if !bytes.Equal(m.Payload, want) {
		return fmt.Errorf("attest: verify: %w", ErrSignature)
	}
	for _, key := range p.Simulated {
		if len(key) != ed25519.PublicKeySize {
			continue
		}
		v, err := cose.NewVerifier(cose.AlgorithmEdDSA, key)
		if err == nil && m.Verify(simulatedContext, v) == nil {
			return nil
		}
	}
	return fmt.Errorf("attest: verify: %w", ErrSignature)
}
