package attest

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"volar/wire/signed"
)

// What lies behind the signature is bounded and has one encoding, so that
// even an operator cannot sign two policies that read alike.
func FuzzParsePolicy(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	p := Policy{
		Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: 2, Vaults: []Vault{{Measurement: [32]byte{1}}},
		TPM: &TPM{Keys: [][32]byte{{1}}, Boot: [][32]byte{{1}}},
		SNP: &SNP{Images: [][48]byte{{1}}, TCB: []SNPTCB{{Product: "Milan"}}},
		TDX: &TDX{Images: []TDXImage{{MRTD: [48]byte{1}}}},
	}
	b, err := SignPolicy(p, key)
	if err != nil {
		f.Fatal(err)
	}
	payload, err := signed.Open(key.Public().(ed25519.PublicKey), policyContext, b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePolicy(b)
		if err != nil || len(b) > MaxPolicy {
			return
		}
		again, err := SignPolicy(p, key)
		if err != nil {
			t.Fatalf("%x was parsed and cannot be signed: %v", b, err)
		}
		if out, err := signed.Open(key.Public().(ed25519.PublicKey), policyContext, again); err != nil || !bytes.Equal(out, b) {
			t.Fatalf("%x was parsed and is encoded as %x (%v)", b, out, err)
		}
	})
}
