package tpm

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Policy digests, computed here as a TPM computes them (TPM 2.0 Library,
// part 3, chapter 23), so that secrets can be sealed for a state in which the
// chip is not, and so that a release can be signed far from any chip.

// Command codes and algorithm numbers (part 2, tables 12 and 9).
const (
	ccActivateCredential = 0x147
	ccPolicyNV           = 0x149
	ccPolicyAuthorize    = 0x16A
	ccPolicyAuthValue    = 0x16B
	ccPolicyCommandCode  = 0x16C
	ccPolicyOR           = 0x171
	ccPolicyPCR          = 0x17F

	algSHA256 = 0x000B
	algNull   = 0x0010
	algECDSA  = 0x0018
	algECC    = 0x0023
	curveP256 = 0x0003
)

// Which registers say what. Together they are what is quoted.
var (
	// BoardPCRs hold the machine: firmware, its settings, Secure Boot. A
	// secret is bound to the values that they have when it is sealed.
	BoardPCRs = []uint{0, 1, 2, 3, 5, 6, 7}
	// ProgramPCRs hold what was started: boot loader, kernel and its first
	// files, and the vault. The release key signs which values may be.
	ProgramPCRs = []uint{4, 8, 9, VaultPCR}
	// QuotedPCRs are all of them.
	QuotedPCRs = []uint{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, VaultPCR}
)

const (
	// VaultPCR is the register of M, K and CAP. It stays until the machine
	// starts again; 16 and 23 could be reset.
	VaultPCR = 12
	// BootPCRs are how many registers, from 0 up, say how the machine booted.
	BootPCRs = 10
)

// PolicyRef keeps the release key's signatures over policies of a vault from
// being taken for any other that the key may make.
const PolicyRef = "palm/vault/v1"

// Digest is a policy, as a TPM carries it along in a session.
type Digest [32]byte

func (d Digest) extend(parts ...[]byte) Digest {
	return sha256.Sum256(slices.Concat(append([][]byte{d[:]}, parts...)...))
}

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// Selection is a TPML_PCR_SELECTION: one bank, SHA-256, of 24 registers.
func Selection(pcrs []uint) []byte {
	var bits [3]byte
	for _, p := range pcrs {
		bits[p/8] |= 1 << (p % 8)
	}
	return slices.Concat(u32(1), u16(algSHA256), []byte{3}, bits[:])
}

// PCR is the policy after TPM2_PolicyPCR: the registers hold these values,
// in the order of their numbers.
func (d Digest) PCR(pcrs []uint, values ...[32]byte) Digest {
	h := sha256.New()
	for _, v := range values {
		h.Write(v[:])
	}
	return d.extend(u32(ccPolicyPCR), Selection(pcrs), h.Sum(nil))
}

// Authorize is the policy of TPM2_PolicyAuthorize: whatever the key has
// signed. What was asked before is replaced by it.
func Authorize(release PublicKey) Digest {
	name := release.External().Name()
	return Digest{}.extend(u32(ccPolicyAuthorize), name[:]).extend([]byte(PolicyRef))
}

// Counter is the policy after TPM2_PolicyNV: the 64-bit counter of this name
// stands at value.
func (d Digest) Counter(name Name, value uint64) Digest {
	operand := binary.BigEndian.AppendUint64(nil, value)
	args := sha256.Sum256(append(operand, 0, 0, 0, 0)) // offset 0, operation 0: equal
	return d.extend(u32(ccPolicyNV), args[:], name[:])
}

// Approved is the policy that the release key signs for one vault program:
// what boots, and M and nothing after it in the vault's register.
func Approved(boot [3][32]byte, register [32]byte) Digest {
	return Digest{}.PCR(ProgramPCRs, boot[0], boot[1], boot[2], register)
}

// Sealed is the policy of the secrets of a platform: a vault that the release
// key approves, on a board whose registers hold these values.
func Sealed(release PublicKey, board [][32]byte) Digest {
	return Authorize(release).PCR(BoardPCRs, board...)
}

// Activation is the branch of the attestation key's policy under which
// anybody may activate a credential with it, which shows where the key is and
// signs nothing.
func Activation() Digest {
	return Digest{}.extend(u32(ccPolicyCommandCode), u32(ccActivateCredential))
}

// Custody is the other branch. Nobody uses it: it writes into the key's name
// whose release key the secrets of its platform are sealed to.
func Custody(release PublicKey) Digest {
	return Authorize(release).extend(u32(ccPolicyAuthValue))
}

// KeyPolicy is the attestation key's policy: TPM2_PolicyOR of both branches.
func KeyPolicy(release PublicKey) Digest {
	a, b := Activation(), Custody(release)
	return Digest{}.extend(u32(ccPolicyOR), a[:], b[:])
}
