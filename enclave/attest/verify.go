package attest

import (
	"fmt"
	"time"
)

// Verifier checks the evidence of one kind of platform. It runs after the
// log has been read, and the vault program and the kind have been found in
// the policy.
type Verifier interface {
	// Kind is the kind of evidence that it understands.
	Kind() string
	// Verify tells whether Body is a genuine statement of an accepted platform
	// over reportData and over a log that reads as events. Certificates are
	// judged at now. The notice says in plain words what the evidence does not
	// prove, "" where there is nothing to warn of. Errors wrap those of this package.
	Verify(e Evidence, events Events, p Policy, reportData [64]byte, now time.Time) (notice string, err error)
}

// Verify checks encoded evidence against p, which the caller trusts, and
// against the nonce that this device drew for this connection, and says which
// vault it is. Only its claims are to be used: the key in them is the one to
// speak to. A kind for which there is no verifier is refused.
func Verify(evidence []byte, p Policy, nonce [32]byte, now time.Time, with ...Verifier) (Claims, error) {
	return verify(evidence, p, func(e Evidence, events Events) [64]byte {
		return ReportData(events.VaultKey, nonce, e.Epoch, p.Tenant)
	}, now, with...)
}

// verify is Verify for any report data.
func verify(evidence []byte, p Policy, data func(Evidence, Events) [64]byte, now time.Time, with ...Verifier) (Claims, error) {
	e, err := ParseEvidence(evidence)
	if err != nil {
		return Claims{}, err
	}
	c, err := judge(e, p, data, now, with)
	if err != nil {
		return Claims{}, fmt.Errorf("attest: verify: %w", err)
	}
	return c, nil
}

func judge(e Evidence, p Policy, data func(Evidence, Events) [64]byte, now time.Time, with []Verifier) (Claims, error) {
	v, err := choose(e.Kind, p, with)
	if err != nil {
		return Claims{}, err
	}
	if err := p.at(now); err != nil {
		return Claims{}, err
	}
	events, err := ParseEvents(e.Log)
	if err != nil {
		return Claims{}, err
	}
	release, err := p.release(events.Measurement)
	if err != nil {
		return Claims{}, err
	}
	notice, err := v.Verify(e, events, p, data(e, events), now)
	if err != nil {
		return Claims{}, err
	}
	return Claims{e.Kind, events.Measurement, release, events.VaultKey, e.Epoch, notice}, nil
}

// choose finds who checks evidence of a kind, if the policy lets the kind in at all.
func choose(kind string, p Policy, with []Verifier) (Verifier, error) {
	switch {
	case p.Tenant == "":
		return nil, fmt.Errorf("%w: the policy names no tenant", ErrKind)
	case !p.accepts(kind) && kind == KindSimulated:
		return nil, fmt.Errorf("%w: %q proves nothing about a machine", ErrSimulated, kind)
	case !p.accepts(kind):
		return nil, fmt.Errorf("%w: %q", ErrKind, kind)
	}
	for _, v := range with {
		if v.Kind() == kind {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%w: %q: this device cannot check it", ErrKind, kind)
}

// MaxAge is how long ago a statement that carries its time may have been
// made, in either direction: clocks of devices are not exact. What makes a
// statement fresh is the nonce; this bounds the use of a stolen, expired key.
const MaxAge = time.Hour
