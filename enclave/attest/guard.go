package attest

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// Guard is how a device judges a vault: by the policy that its operator
// signed, and by what it has seen before. The zero Guard refuses.
type Guard struct {
	Tenant      string            // whose device it is
	Operator    ed25519.PublicKey // who signs the tenant's policies
	Development bool              // take a policy for development
	Verifiers   []Verifier        // the kinds that this device can check

	// Policy gives the signed policy of this moment; a new one counts from
	// the next connection.
	Policy func() ([]byte, error)
	// Recall gives what Remember was given last, nothing where it never was.
	Recall func() ([]byte, error)
	// Remember keeps a record of at most 64 bytes over power cuts.
	Remember func([]byte) error
}

// Check verifies evidence for this device's nonce. What it learns is
// remembered before the claims are given out. An error has a Reason.
func (g *Guard) Check(evidence []byte, nonce [32]byte, now time.Time) (Claims, error) {
	p, seen, err := g.policy(now)
	if err != nil {
		return Claims{}, fmt.Errorf("attest: check: %w", err)
	}
	c, err := Verify(evidence, p, nonce, now, g.Verifiers...)
	if err != nil {
		return Claims{}, err
	}
	next, err := seen.after(p, c)
	if err != nil {
		return Claims{}, fmt.Errorf("attest: check: %w", err)
	}
	if next == seen {
		return c, nil
	}
	b, err := next.Marshal()
	if err == nil {
		err = g.Remember(b)
	}
	if err != nil {
		return Claims{}, fmt.Errorf("attest: check: %w: %w", ErrMemory, err)
	}
	return c, nil
}

// policy is the policy of this moment, judged, and what was seen before.
func (g *Guard) policy(now time.Time) (p Policy, seen Seen, err error) {
	if g.Policy == nil || g.Recall == nil || g.Remember == nil {
		return p, seen, fmt.Errorf("%w: the guard has none", ErrPolicyForm)
	}
	b, err := g.Policy()
	if err != nil {
		return p, seen, fmt.Errorf("%w: %w", ErrPolicyForm, err)
	}
	if p, err = OpenPolicy(b, g.Operator); err != nil {
		return p, seen, err
	}
	switch {
	case p.Tenant != g.Tenant:
		return p, seen, fmt.Errorf("%w: for %q, this device belongs to %q", ErrPolicyTenant, p.Tenant, g.Tenant)
	case p.Development && !g.Development:
		return p, seen, ErrPolicyDevelopment
	}
	if b, err = g.Recall(); err != nil {
		return p, seen, fmt.Errorf("%w: %w", ErrMemory, err)
	}
	if seen, err = ParseSeen(b); err != nil {
		return p, seen, err
	}
	return p, seen, p.Usable(seen, now)
}
