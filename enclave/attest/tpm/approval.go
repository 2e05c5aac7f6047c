package tpm

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"volar/enclave/attest"
	"volar/wire/canonical"
)

// MaxApproval bounds an approval, in bytes.
const MaxApproval = 512

// version is the first field of everything here that is encoded.
const version = 1

// codec bounds what is decoded; callers bound its length.
var codec = canonical.New(4, 16)

// Approval is the release key's word for one vault program: a chip opens what
// older vaults of the same release key have sealed to this one too. A chip
// checks it itself, so a launcher that lies gains nothing.
type Approval struct {
	Release     PublicKey   // who approves
	Measurement [32]byte    // SHA-256 of the vault program
	Boot        [3][32]byte // values of PCR 4, 8 and 9: what must have been booted
	Signature   Signature   // over Digest
}

// approvalForm is an Approval as CBOR.
type approvalForm struct {
	_           struct{} `cbor:",toarray"`
	Version     uint8
	Release     PublicKey
	Measurement [32]byte
	Boot        [3][32]byte
	Signature   Signature
}

// Why an approval is refused.
var (
	ErrApprovalForm = errors.New("no approval in its one encoding")
	ErrUnapproved   = errors.New("not signed by the release key in it")
)

// Approve signs an approval with the release key.
func Approve(key *ecdsa.PrivateKey, measurement [32]byte, boot [3][32]byte) (Approval, error) {
	release, err := KeyOf(&key.PublicKey)
	if err != nil {
		return Approval{}, err
	}
	a := Approval{Release: release, Measurement: measurement, Boot: boot}
	digest := a.digest()
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return Approval{}, fmt.Errorf("tpm: approve: %w", err)
	}
	if a.Signature, err = NewSignature(r, s); err != nil {
		return Approval{}, err
	}
	return a, nil
}

// Policy is the policy that is approved.
func (a Approval) Policy() Digest {
	return Approved(a.Boot, attest.ExtendMeasurement([32]byte{}, a.Measurement))
}

// digest is what TPM2_PolicyAuthorize wants signed: H(policy || reference).
func (a Approval) digest() [32]byte {
	policy := a.Policy()
	return sha256.Sum256(append(policy[:], PolicyRef...))
}

// Digest is what the signature is over.
func (a Approval) Digest() [32]byte { return a.digest() }

// Check tells whether the release key in it signed it.
func (a Approval) Check() error {
	if !a.Release.verifies(a.digest(), a.Signature) {
		return fmt.Errorf("tpm: approval: %w", ErrUnapproved)
	}
	return nil
}

// Marshal is the approval's encoding.
func (a Approval) Marshal() ([]byte, error) {
	return codec.Marshal(approvalForm{Version: version, Release: a.Release, Measurement: a.Measurement, Boot: a.Boot, Signature: a.Signature})
}

// ParseApproval reads what Marshal wrote, and nothing else. Whether it is
// signed is Check's to say.
func ParseApproval(b []byte) (Approval, error) {
	if len(b) > MaxApproval {
		return Approval{}, fmt.Errorf("tpm: approval: %w: %d bytes, at most %d", ErrApprovalForm, len(b), MaxApproval)
	}
	var f approvalForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return Approval{}, fmt.Errorf("tpm: approval: %w: %w", ErrApprovalForm, err)
	}
	if f.Version != version {
		return Approval{}, fmt.Errorf("tpm: approval: %w: version %d, want %d", ErrApprovalForm, f.Version, version)
	}
	return Approval{f.Release, f.Measurement, f.Boot, f.Signature}, nil
}
