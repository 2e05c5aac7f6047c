package tpm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// PublicKey is a point of P-256, x and y.
type PublicKey [64]byte

// KeyOf is an ECDSA key in this form.
func KeyOf(key *ecdsa.PublicKey) (PublicKey, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return PublicKey{}, errors.New("tpm: key: not of the curve P-256")
	}
	b, err := key.Bytes()
	if err != nil {
		return PublicKey{}, fmt.Errorf("tpm: key: %w", err)
	}
	return PublicKey(b[1:]), nil // 4, x, y
}

// ECDSA is the key as crypto/ecdsa has it; an error where it is no point of
// the curve.
func (k PublicKey) ECDSA() (*ecdsa.PublicKey, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, k[:]...))
	if err != nil {
		return nil, fmt.Errorf("tpm: key: %w", err)
	}
	return key, nil
}

// Public is a TPMT_PUBLIC: what a TPM says of a key, and what its name is the
// hash of.
type Public []byte

// Name is how a TPM names a key or an index: the hash's number, and the hash
// of its public area.
type Name [34]byte

// Name of the object.
func (p Public) Name() (n Name) {
	h := sha256.Sum256(p)
	copy(n[:], u16(algSHA256))
	copy(n[2:], h[:])
	return n
}

// Hash is the name without the hash's number.
func (n Name) Hash() [32]byte { return [32]byte(n[2:]) }

// Attributes of objects (TPM 2.0 Library, part 2, table 31).
const (
	fixedTPM            = 1 << 1
	fixedParent         = 1 << 4
	sensitiveDataOrigin = 1 << 5
	userWithAuth        = 1 << 6
	adminWithPolicy     = 1 << 7
	noDA                = 1 << 10
	restricted          = 1 << 16
	sign                = 1 << 18

	attestationKey = fixedTPM | fixedParent | sensitiveDataOrigin | userWithAuth | adminWithPolicy | noDA | restricted | sign
	externalKey    = userWithAuth | sign
)

// Attestation is the public area of a platform's attestation key: made in the
// chip, never to leave it, signing nothing but what the chip says, with an
// auth value, on a platform whose secrets are sealed to the release key.
func (k PublicKey) Attestation(release PublicKey) Public {
	policy := KeyPolicy(release)
	return k.public(attestationKey, policy[:])
}

// External is the public area under which a release key is shown to a chip.
func (k PublicKey) External() Public { return k.public(externalKey, nil) }

func (k PublicKey) public(attributes uint32, policy []byte) Public {
	return slices.Concat(
		u16(algECC), u16(algSHA256), u32(attributes), u16(uint16(len(policy))), policy,
		u16(algNull), u16(algECDSA), u16(algSHA256), u16(curveP256), u16(algNull), // symmetric, scheme and its hash, curve, kdf
		u16(32), k[:32], u16(32), k[32:])
}

// Signature is an ECDSA signature over P-256: r and s, s in the lower half, so
// that there is one for each that a chip makes.
type Signature [64]byte

var (
	order     = elliptic.P256().Params().N
	halfOrder = new(big.Int).Rsh(order, 1)
)

// NewSignature is a signature in this form.
func NewSignature(r, s *big.Int) (sig Signature, err error) {
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(order) >= 0 || s.Cmp(order) >= 0 {
		return sig, errors.New("tpm: signature: out of range")
	}
	if s.Cmp(halfOrder) > 0 {
		s = new(big.Int).Sub(order, s)
	}
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return sig, nil
}

// verifies tells whether the key signed this digest.
func (k PublicKey) verifies(digest [32]byte, sig Signature) bool {
	key, err := k.ECDSA()
	if err != nil {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	return s.Cmp(halfOrder) <= 0 && ecdsa.Verify(key, digest[:], r, s)
}

// unitKey are the attributes of a unit's attestation key: no auth value, as
// nothing but the firmware that PCR 8 names speaks to the unit's chip.
const unitKey = fixedTPM | fixedParent | sensitiveDataOrigin | userWithAuth | noDA | restricted | sign

// Unit is the public area of a unit's attestation key: made in the chip,
// never to leave it, signing nothing but what the chip says.
func (k PublicKey) Unit() Public { return k.public(unitKey, nil) }
