// Package attest proves which vault runs, and checks such a proof.
//
// The proof is Evidence: a signed statement of the platform (Body) over a
// value that the verifier chose, and the log of what was measured (Log). The
// kind of a platform (a TPM, Nitro, SEV-SNP, TDX) changes the Body and who
// signs it; what is claimed stays the same: which vault program it is and
// which Noise key belongs to it.
//
// The only kind today is "simulated". It has the shape of the others and
// proves nothing about a machine, so a Policy must say Development before it
// is accepted.
package attest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha512"
	"time"
)

// KindSimulated names evidence that is signed with a key in an ordinary file.
const KindSimulated = "simulated"

// Attester is a platform that vouches for the vault that runs on it.
type Attester interface {
	// Evidence returns fresh evidence over reportData. It fails until the
	// vault has bound its key, so no evidence names a key that may change.
	Evidence(ctx context.Context, reportData [64]byte) (Evidence, error)
}

// Policy is what a device accepts. The zero Policy accepts nothing.
type Policy struct {
	Tenant       string              // the tenant that the device belongs to
	Measurements [][32]byte          // SHA-256 of the vault programs that are allowed
	Simulated    []ed25519.PublicKey // keys of simulated platforms; needs Development
	Development  bool                // accept evidence that proves nothing about a machine
}

// Claims is what accepted evidence says.
type Claims struct {
	Kind        string
	Measurement [32]byte // SHA-256 of the vault program
	VaultKey    [32]byte // its Noise static key (X25519)
}

// Notice says in plain words what the evidence does not prove, or "" where
// there is nothing to warn of. Every tool shows it.
func (c Claims) Notice() string {
	if c.Kind == KindSimulated {
		return "SIMULATED attestation: proves nothing about the machine or the program that holds the palms; for development only"
	}
	return ""
}

// Verifier checks the evidence of one kind of platform: that Body is a
// genuine statement over reportData and over a log that reads as events.
// Certificates are judged at now.
type Verifier interface {
	Verify(e Evidence, events Events, p Policy, reportData [64]byte, now time.Time) error
}

// ReportData binds evidence to the vault's Noise key, to the verifier's
// nonce, and to the tenant: SHA-512("palm/matcher/v1" || key || nonce ||
// tenant). The key and the nonce have fixed lengths, so nothing can move
// from one field into another.
func ReportData(vaultKey, nonce [32]byte, tenant string) [64]byte {
	b := []byte("palm/matcher/v1")
	b = append(b, vaultKey[:]...)
	b = append(b, nonce[:]...)
	return sha512.Sum512(append(b, tenant...))
}
