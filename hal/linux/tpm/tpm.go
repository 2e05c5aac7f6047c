// Package tpm is a unit's TPM 2.0: it opens the unit's secret to the firmware
// that PCR 8 names, counts the floor of versions, and proves what runs. The
// commands are those of volar/enclave/attest/tpm/chip; this is the board's
// view of them.
package tpm

import (
	"fmt"

	"volar/enclave/attest/tpm/chip"
	"volar/hal"
)

// What a unit's chip refuses.
var (
	ErrWiped    = chip.ErrWiped    // no storage key: a new chip, or one that was reset
	ErrFirmware = chip.ErrFirmware // other firmware than the secret was sealed for, or firmware below the floor
	ErrSealed   = chip.ErrNotHere  // not this chip's, from before a reset, or damaged
	ErrNoCert   = chip.ErrNoCert   // the maker gave no endorsement certificate
)

// MaxSealed bounds a sealed secret, in bytes.
const MaxSealed = chip.MaxUnitSealed

// TPM is a unit's chip. Its methods may be called at the same time.
type TPM struct{ unit *chip.Unit }

// Open connects to the chip: /dev/tpmrm0, or the socket of a TPM made of
// software.
func Open(path string) (*TPM, error) {
	u, err := chip.OpenUnit(path)
	if err != nil {
		return nil, err
	}
	return &TPM{u}, nil
}

// Close ends the connection.
func (t *TPM) Close() error { return t.unit.Close() }

// PCR8 is the register of the firmware that runs: SHA-256 of 32 zero bytes
// and the SHA-256 of its signed image.
func (t *TPM) PCR8() ([32]byte, error) { return t.unit.Firmware() }

// Seal encrypts a secret of 1 to 128 bytes for the firmware of this PCR 8,
// whose release says this floor. The result has MaxSealed bytes at most. The
// first Seal makes the chip's storage key.
func (t *TPM) Seal(secret []byte, pcr8 [32]byte, floor uint64) ([]byte, error) {
	return t.unit.Seal(secret, pcr8, floor)
}

// Unseal opens what Seal made, or says which of ErrWiped, ErrFirmware and
// ErrSealed is why not. The caller clears the secret.
func (t *TPM) Unseal(sealed []byte) ([]byte, error) { return t.unit.Unseal(sealed) }

// Wipe makes everything that was sealed unreadable for ever. Floor and spent
// tickets stay.
func (t *TPM) Wipe() error { return t.unit.Wipe() }

// Spent is the number of the last ticket that was spent, 0 where none was.
func (t *TPM) Spent() (uint64, error) { return t.unit.Spent() }

// Spend notes a ticket's number; a lower one than before changes nothing.
func (t *TPM) Spend(number uint64) error { return t.unit.Spend(number) }

// Endorsement is the maker's certificate (DER, up to 4 KiB) of the chip's
// endorsement key, or ErrNoCert.
func (t *TPM) Endorsement() ([]byte, error) { return t.unit.Endorsement() }

// EndorsementKey is the modulus of the endorsement key, RSA of 2048 bits with
// exponent 65537.
func (t *TPM) EndorsementKey() ([]byte, error) { return t.unit.EndorsementKey() }

// AttestationKey is the unit's attestation key: a point of P-256, x and y.
func (t *TPM) AttestationKey() ([64]byte, error) { return t.unit.AttestationKey() }

// Activate opens a credential that was made for this chip's endorsement key
// and attestation key.
func (t *TPM) Activate(credential, secret []byte) ([]byte, error) {
	return t.unit.Activate(credential, secret)
}

// Quote is the chip's word for PCR 8: a TPMS_ATTEST and its signature, r and
// s, by the attestation key.
func (t *TPM) Quote(nonce [32]byte) (quote []byte, signature [64]byte, err error) {
	quote, s, err := t.unit.Quote(nonce)
	return quote, s, err
}

// Floor is the counter under the versions that may run.
func (t *TPM) Floor() hal.Counter { return floor{t.unit} }

type floor struct{ unit *chip.Unit }

// Value implements hal.Counter.
func (f floor) Value() (uint64, error) { return f.unit.Floor() }

// RaiseTo implements hal.Counter. It rises by 1,000 at most: each step wears
// the chip.
func (f floor) RaiseTo(v uint64) error {
	if err := f.unit.RaiseFloor(v); err != nil {
		return fmt.Errorf("hal/linux/tpm: %w", err)
	}
	return nil
}
