// Package attest proves which vault runs, and checks such a proof.
//
// The proof is Evidence: a signed statement of the platform (Body) over a
// value that the verifier chose, and the log of what was measured (Log). The
// kind of a platform (a TPM, Nitro, SEV-SNP, TDX) changes the Body and who
// signs it; what is claimed stays the same: which vault program it is, which
// Noise key belongs to it, and how far its gallery has come.
//
// A device judges through a Guard, by the Policy that its operator signed.
// Each kind has a package of its own, with the Verifier for devices and the
// Attester for the machine. The kind "simulated" has the shape of the others
// and proves nothing, so only a policy for development can accept it.
package attest

import (
	"context"
	"crypto/sha512"
	"encoding/binary"
)

// Attester is a platform that vouches for the vault that runs on it.
type Attester interface {
	// Evidence returns fresh evidence over reportData. It fails until the
	// vault has bound its key, so no evidence names a key that may change.
	Evidence(ctx context.Context, reportData [64]byte) (Evidence, error)
}

// Claims is what accepted evidence says.
type Claims struct {
	Kind        string
	Measurement [32]byte // SHA-256 of the vault program
	Release     uint64   // its place in the order of releases, as the policy says
	VaultKey    [32]byte // its Noise static key (X25519)
	Epoch       uint64   // how far its gallery has come
	Notice      string   // what the evidence does not prove, in plain words; every tool shows it
}

// Notice says what evidence of this kind does not prove, as every tool shows
// it, or "" where the kind alone is nothing to warn of.
func Notice(kind string) string {
	if kind == KindSimulated {
		return "SIMULATED attestation: proves nothing about the machine or the program that holds the palms; for development only"
	}
	return ""
}

// ReportData binds evidence to the vault's Noise key, to the verifier's
// nonce, to the epoch of the vault's gallery, and to the tenant:
// SHA-512("palm/matcher/v1" || key || nonce || epoch || tenant), the epoch in
// 8 bytes, big-endian. All but the last have fixed lengths, so nothing can
// move from one field into another.
func ReportData(vaultKey, nonce [32]byte, epoch uint64, tenant string) [64]byte {
	b := []byte("palm/matcher/v1")
	b = append(b, vaultKey[:]...)
	b = append(b, nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, epoch)
	return sha512.Sum512(append(b, tenant...))
}

// Bound is what a platform puts into its statement where it has one field of
// 64 bytes and no register that software can extend: SHA-512("palm/report/v1"
// || report data || register). The launcher, which such a platform measures
// as part of the image, keeps the register itself.
func Bound(reportData [64]byte, register [32]byte) [64]byte {
	b := append([]byte("palm/report/v1"), reportData[:]...)
	return sha512.Sum512(append(b, register[:]...))
}
