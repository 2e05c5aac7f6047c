package attest

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"volar/wire/canonical"
	"volar/wire/signed"
)

// policyContext separates a policy from all else that an operator signs.
const policyContext = "volar/policy/1"

// policyBytes is Policy as CBOR.
type policyBytes struct {
	Version     uint8      `cbor:"1,keyasint"` // of the form
	Tenant      string     `cbor:"2,keyasint"`
	Number      uint64     `cbor:"3,keyasint"` // Policy.Version
	Generation  uint64     `cbor:"4,keyasint"`
	NotBefore   int64      `cbor:"5,keyasint"`
	NotAfter    int64      `cbor:"6,keyasint"`
	Floor       uint64     `cbor:"7,keyasint"`
	Vaults      []vault    `cbor:"8,keyasint"`
	Development bool       `cbor:"9,keyasint"`
	TPM         *TPM       `cbor:"10,keyasint,omitempty"`
	Nitro       *Nitro     `cbor:"11,keyasint,omitempty"`
	SNP         *SNP       `cbor:"12,keyasint,omitempty"`
	TDX         *TDX       `cbor:"13,keyasint,omitempty"`
	Simulated   *Simulated `cbor:"14,keyasint,omitempty"`
}

// vault is a Vault as CBOR: [measurement, release].
type vault struct {
	_           struct{} `cbor:",toarray"`
	Measurement [32]byte
	Release     uint64
}

// policyCodec: a map of sections, which are maps of lists of maps of lists.
var policyCodec = canonical.New(6, maxKeys)

// SignPolicy gives the policy that devices read, signed by the tenant's operator.
func SignPolicy(p Policy, operator ed25519.PrivateKey) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	w := policyBytes{version, p.Tenant, p.Version, p.Generation, p.NotBefore, p.NotAfter, p.Floor, nil,
		p.Development, p.TPM, p.Nitro, p.SNP, p.TDX, p.Simulated}
	for _, v := range p.Vaults {
		w.Vaults = append(w.Vaults, vault{Measurement: v.Measurement, Release: v.Release})
	}
	payload, err := policyCodec.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("attest: sign policy: %w", err)
	}
	b, err := signed.Sign(operator, policyContext, payload)
	if err != nil {
		return nil, fmt.Errorf("attest: sign policy: %w", err)
	}
	if len(b) > MaxPolicy {
		return nil, fmt.Errorf("attest: sign policy: %d bytes, at most %d", len(b), MaxPolicy)
	}
	return b, nil
}

// OpenPolicy checks signature and form of a policy; tenant and time are the
// Guard's to judge. An error wraps ErrPolicySignature or ErrMalformed.
func OpenPolicy(b []byte, operator ed25519.PublicKey) (Policy, error) {
	if len(b) > MaxPolicy {
		return Policy{}, fmt.Errorf("attest: open policy: %w: %d bytes, at most %d", ErrPolicyForm, len(b), MaxPolicy)
	}
	payload, err := signed.Open(operator, policyContext, b)
	switch {
	case errors.Is(err, signed.ErrForm):
		return Policy{}, fmt.Errorf("attest: open policy: %w: %w", ErrPolicyForm, err)
	case err != nil:
		return Policy{}, fmt.Errorf("attest: open policy: %w: %w", ErrPolicySignature, err)
	}
	p, err := parsePolicy(payload)
	if err != nil {
		return Policy{}, fmt.Errorf("attest: open policy: %w: %w", ErrPolicyForm, err)
	}
	return p, nil
}

// parsePolicy reads a policy's payload.
func parsePolicy(b []byte) (Policy, error) {
	var w policyBytes
	if err := policyCodec.Unmarshal(b, &w); err != nil {
		return Policy{}, err
	}
	if w.Version != version {
		return Policy{}, fmt.Errorf("form %d, want %d", w.Version, version)
	}
	p := Policy{w.Tenant, w.Number, w.Generation, w.NotBefore, w.NotAfter, w.Floor, nil,
		w.Development, w.TPM, w.Nitro, w.SNP, w.TDX, w.Simulated}
	for _, v := range w.Vaults {
		p.Vaults = append(p.Vaults, Vault{v.Measurement, v.Release})
	}
	return p, p.check()
}
