package attest

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Why evidence is refused, beside ErrMalformed.
var (
	ErrKind        = errors.New("kind of evidence not accepted")
	ErrMeasurement = errors.New("vault program not on the list")
	ErrSignature   = errors.New("statement not signed by an accepted platform over this log, key, nonce and tenant")
)

// Verify checks encoded evidence against p and against the nonce that this
// device drew for this connection, and says which vault it is. Only its
// claims are to be used: the key in them is the one to speak to.
func Verify(evidence []byte, p Policy, nonce [32]byte, now time.Time) (Claims, error) {
	e, err := ParseEvidence(evidence)
	if err != nil {
		return Claims{}, err
	}
	v, err := verifier(e.Kind, p)
	if err != nil {
		return Claims{}, err
	}
	events, err := ParseEvents(e.Log)
	if err != nil {
		return Claims{}, err
	}
	if events.Measurement == ([32]byte{}) || !slices.Contains(p.Measurements, events.Measurement) {
		return Claims{}, fmt.Errorf("attest: verify: %w: %x", ErrMeasurement, events.Measurement[:8])
	}
	if err := v.Verify(e, events, p, ReportData(events.VaultKey, nonce, p.Tenant), now); err != nil {
		return Claims{}, err
	}
	return Claims{e.Kind, events.Measurement, events.VaultKey}, nil
}

// verifier chooses who checks evidence of a kind, if the policy lets the kind in at all.
func verifier(kind string, p Policy) (Verifier, error) {
	switch {
	case p.Tenant == "":
		return nil, fmt.Errorf("attest: verify: %w: the policy names no tenant", ErrKind)
	case kind == KindSimulated && p.Development:
		return simulatedVerifier{}, nil
	case kind == KindSimulated:
		return nil, fmt.Errorf("attest: verify: %w: %q proves nothing about a machine and the policy does not say development", ErrKind, kind)
	}
	return nil, fmt.Errorf("attest: verify: %w: %q", ErrKind, kind)
}
