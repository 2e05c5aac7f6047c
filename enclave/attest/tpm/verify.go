// Package tpm is evidence of a machine with a TPM 2.0: what its bytes are,
// and how a device checks them. Package chip, below it, makes them.
//
// The launcher measures the vault into register 12 of the chip and extends
// the vault's key and a cap after it. The chip signs that register together
// with those that say how the machine booted, under a key that never leaves
// it and that an operator has seen there. README.md has the byte tables, and
// says what a TPM cannot promise.
//
// This package uses no TPM library: a device that checks evidence, and a tool
// that signs a release, link only what they need.
package tpm

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"volar/enclave/attest"
)

// Verifier checks evidence of kind tpm.
type Verifier struct{}

var _ attest.Verifier = Verifier{}

// Kind is "tpm".
func (Verifier) Kind() string { return attest.KindTPM }

// Verify tells whether the body is a quote by an admitted attestation key,
// over an allowed boot and over a vault register that holds exactly M, K and
// CAP, made for reportData. A boot that measured nothing is for development,
// and has a notice.
func (Verifier) Verify(e attest.Evidence, events attest.Events, p attest.Policy, reportData [64]byte, now time.Time) (notice string, err error) {
	if p.TPM == nil {
		return "", fmt.Errorf("tpm: %w", attest.ErrKind)
	}
	b, err := ParseBody(e.Body)
	if err != nil {
		return "", err
	}
	if err := checkQuote(b.Attest, b.Boot, events.Register(), Nonce(reportData)); err != nil {
		return "", fmt.Errorf("tpm: %w: %w", attest.ErrBinding, err)
	}
	if !b.Key.verifies(sha256.Sum256(b.Attest[:]), b.Signature) {
		return "", fmt.Errorf("tpm: %w: the quote", attest.ErrSignature)
	}
	if err := admitted(b, p.TPM, now); err != nil {
		return "", err
	}
	if !slices.Contains(p.TPM.Boot, b.Boot.Digest()) {
		d := b.Boot.Digest()
		return "", fmt.Errorf("tpm: %w: boot %x", attest.ErrPlatform, d[:8])
	}
	if !b.Boot.Measured() && !p.Development {
		return "", fmt.Errorf("tpm: %w: the machine measured nothing of its boot, which is for development", attest.ErrDebug)
	}
	return b.Boot.Notice(), nil
}

// admitted tells whether the attestation key is on the list, or has a
// certificate of somebody on the list.
func admitted(b Body, p *attest.TPM, now time.Time) error {
	key := b.Key.Attestation(b.Release).Name().Hash()
	if slices.Contains(p.Keys, key) {
		return nil
	}
	refused := fmt.Errorf("tpm: %w: attestation key %x", attest.ErrPlatform, key[:8])
	if len(b.Certificate) == 0 {
		return refused
	}
	for _, certifier := range p.Certifiers {
		c, err := OpenCertificate(ed25519.PublicKey(certifier[:]), b.Certificate, now)
		switch {
		case err == nil && c.Key == key:
			return nil
		case err == nil:
			err = errors.New("tpm: certificate: of another key")
		}
		refused = fmt.Errorf("%w: %w", refused, err)
	}
	return refused
}

// Notice says in plain words what accepted evidence does not prove, or "".
func (b Boot) Notice() string {
	if b.Measured() {
		return ""
	}
	return "UNMEASURED boot: registers 0 to 9 of the TPM are empty, so the evidence proves the vault's program and not the machine; for development only"
}
