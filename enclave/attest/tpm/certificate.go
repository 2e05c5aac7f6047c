package tpm

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"volar/wire/signed"
)

// MaxCertificate bounds a certificate, in bytes.
const MaxCertificate = 512

// certificateContext keeps a certificate from being taken for anything else
// that an operator signs.
const certificateContext = "volar/ak/1"

// Certificate is an operator's word that an attestation key lies in a real
// chip: one whose endorsement key its maker certified, and which opened a
// credential made for this key (TPM 2.0 Library, part 1, chapter 24).
type Certificate struct {
	Key         [32]byte // SHA-256 of the attestation key's public area
	Endorsement [32]byte // SHA-256 of the chip's endorsement certificate (DER)
	NotBefore   int64    // seconds since 1970
	NotAfter    int64
}

type certificateForm struct {
	_           struct{} `cbor:",toarray"`
	Version     uint8
	Key         [32]byte
	Endorsement [32]byte
	NotBefore   int64
	NotAfter    int64
}

// Why a certificate is refused.
var (
	ErrCertificate     = errors.New("no certificate of an attestation key by this certifier")
	ErrCertificateTime = errors.New("certificate of the attestation key not valid at this time")
)

// Certify signs a certificate.
func Certify(key ed25519.PrivateKey, c Certificate) ([]byte, error) {
	if c.NotBefore <= 0 || c.NotAfter <= c.NotBefore {
		return nil, fmt.Errorf("tpm: certify: valid from %d to %d, which is no time", c.NotBefore, c.NotAfter)
	}
	b, err := codec.Marshal(certificateForm{Version: version, Key: c.Key, Endorsement: c.Endorsement, NotBefore: c.NotBefore, NotAfter: c.NotAfter})
	if err != nil {
		return nil, fmt.Errorf("tpm: certify: %w", err)
	}
	return signed.Sign(key, certificateContext, b)
}

// OpenCertificate reads a certificate that the certifier signed and that is
// valid at now.
func OpenCertificate(certifier ed25519.PublicKey, b []byte, now time.Time) (Certificate, error) {
	if len(b) > MaxCertificate {
		return Certificate{}, fmt.Errorf("tpm: certificate: %w: %d bytes, at most %d", ErrCertificate, len(b), MaxCertificate)
	}
	payload, err := signed.Open(certifier, certificateContext, b)
	if err != nil {
		return Certificate{}, fmt.Errorf("tpm: certificate: %w: %w", ErrCertificate, err)
	}
	var f certificateForm
	if err := codec.Unmarshal(payload, &f); err != nil {
		return Certificate{}, fmt.Errorf("tpm: certificate: %w: %w", ErrCertificate, err)
	}
	if f.Version != version {
		return Certificate{}, fmt.Errorf("tpm: certificate: %w: version %d, want %d", ErrCertificate, f.Version, version)
	}
	if s := now.Unix(); s < f.NotBefore || s > f.NotAfter {
		return Certificate{}, fmt.Errorf("tpm: certificate: %w: valid from %d to %d, now %d", ErrCertificateTime, f.NotBefore, f.NotAfter, s)
	}
	return Certificate{f.Key, f.Endorsement, f.NotBefore, f.NotAfter}, nil
}
