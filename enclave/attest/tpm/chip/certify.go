package chip

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-tpm/tpm2"

	"volar/enclave/attest/tpm"
)

// Why a chip is not certified.
var (
	ErrEndorsement = errors.New("the endorsement certificate is not one of a TPM by an accepted maker")
	ErrAnswer      = errors.New("the attestation key does not lie in the TPM with this endorsement key")
)

// subjectAltName is critical in endorsement certificates and names the chip's
// model in a form that crypto/x509 does not read.
var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// CheckEndorsement tells whether a maker among roots certified the chip's
// endorsement key at now, and gives that key. Intermediate certificates may
// stand among the roots.
func CheckEndorsement(der []byte, roots, intermediates *x509.CertPool, now time.Time) (*rsa.PublicKey, error) {
	if len(der) > maxEndorsement {
		return nil, fmt.Errorf("tpm: %w: %d bytes, at most %d", ErrEndorsement, len(der), maxEndorsement)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("tpm: %w: %w", ErrEndorsement, err)
	}
	c.UnhandledCriticalExtensions = slices.DeleteFunc(c.UnhandledCriticalExtensions, subjectAltName.Equal)
	_, err = c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("tpm: %w: %w", ErrEndorsement, err)
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() != 2048 || key.E != 65537 || c.IsCA {
		return nil, fmt.Errorf("tpm: %w: no RSA key of 2048 bits", ErrEndorsement)
	}
	return key, nil
}

// Challenge is a credential that only a TPM can open which holds both the
// endorsement key and the attestation key.
type Challenge struct {
	Credential, Secret []byte // for Chip.Activate
	answer             [32]byte
}

// NewChallenge makes a credential for an attestation key of a platform whose
// secrets are sealed to the release key.
func NewChallenge(endorsement *rsa.PublicKey, key, release tpm.PublicKey) (*Challenge, error) {
	return challenge(endorsement, key.Attestation(release).Name())
}

// NewUnitChallenge makes a credential for an attestation key of a unit.
func NewUnitChallenge(endorsement *rsa.PublicKey, key tpm.PublicKey) (*Challenge, error) {
	return challenge(endorsement, key.Unit().Name())
}

func challenge(endorsement *rsa.PublicKey, name tpm.Name) (*Challenge, error) {
	public := tpm2.RSAEKTemplate
	modulus := endorsement.N.FillBytes(make([]byte, 256))
	public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: modulus})
	to, err := tpm2.ImportEncapsulationKey(&public)
	if err != nil {
		return nil, fmt.Errorf("tpm: challenge: %w", err)
	}
	c := new(Challenge)
	_, _ = rand.Read(c.answer[:]) // never fails: crypto/rand ends the program instead
	c.Credential, c.Secret, err = tpm2.CreateCredential(rand.Reader, to, name[:], c.answer[:])
	if err != nil {
		return nil, fmt.Errorf("tpm: challenge: %w", err)
	}
	return c, nil
}

// Check tells whether this is what the TPM must have found in the credential.
func (c *Challenge) Check(answer []byte) error {
	if subtle.ConstantTimeCompare(c.answer[:], answer) != 1 {
		return fmt.Errorf("tpm: %w", ErrAnswer)
	}
	return nil
}
