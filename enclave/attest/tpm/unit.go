package tpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// FirmwarePCR is the register into which a unit's boot loader measures the
// signed image of its kernel and first files, and nothing else.
const FirmwarePCR = 8

// UnitQuoteSize is the length of a unit's quote, in bytes.
const UnitQuoteSize = attestSize

// ErrUnitQuote means that a quote is not what it must be to speak for a unit.
var ErrUnitQuote = errors.New("not a quote of this unit's firmware register with this nonce by this key")

// FirmwareSeal is the policy of a secret of a unit: the firmware register
// holds this value, and the floor's counter stands at most at this one. So
// firmware below the floor opens nothing, whatever it does.
func FirmwareSeal(pcr8 [32]byte, counter Name, most uint64) Digest {
	return Digest{}.PCR([]uint{FirmwarePCR}, pcr8).counterAtMost(counter, most)
}

const unsignedLE = 9 // TPM_EO_UNSIGNED_LE (TPM 2.0 Library, part 2, table 20)

// counterAtMost is the policy after TPM2_PolicyNV: the 64-bit counter of this
// name stands at value or below.
func (d Digest) counterAtMost(name Name, value uint64) Digest {
	operand := binary.BigEndian.AppendUint64(nil, value)
	args := sha256.Sum256(append(operand, 0, 0, 0, unsignedLE)) // offset 0
	return d.extend(u32(ccPolicyNV), args[:], name[:])
}

// CheckUnitQuote tells whether a unit's attestation key signed that the
// firmware register holds pcr8, with this nonce. The clock may be unsafe: a
// unit has no owner's word for it, and a nonce is fresh without a clock.
func CheckUnitQuote(key PublicKey, quote []byte, sig Signature, pcr8, nonce [32]byte) error {
	if len(quote) != UnitQuoteSize {
		return fmt.Errorf("tpm: unit's quote: %w: %d bytes, want %d", ErrUnitQuote, len(quote), UnitQuoteSize)
	}
	if quote[safeAt] > 1 {
		return fmt.Errorf("tpm: unit's quote: %w", ErrUnitQuote)
	}
	values := sha256.Sum256(pcr8[:])
	want := slices.Concat(
		[]byte("\xffTCG"), u16(0x8018), // TPM_GENERATED_VALUE, TPM_ST_ATTEST_QUOTE
		u16(34), u16(algSHA256), quote[signerAt:signerAt+signerSize],
		u16(32), nonce[:],
		quote[clockAt:clockAt+clockSize], quote[safeAt:safeAt+1],
		quote[firmwareAt:firmwareAt+firmwareSize],
		Selection([]uint{FirmwarePCR}), u16(32), values[:],
	)
	if !bytes.Equal(quote, want) || !key.verifies(sha256.Sum256(quote), sig) {
		return fmt.Errorf("tpm: unit's quote: %w", ErrUnitQuote)
	}
	return nil
}
