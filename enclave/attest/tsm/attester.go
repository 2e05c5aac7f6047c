package tsm

import (
	"context"
	"fmt"

	"volar/enclave/attest"
)

// An Attester vouches for what its ledger says by a report of the kernel of the guest that it runs in.
type Attester struct {
	Kind   string // of the evidence, attest.KindSNP or attest.KindTDX
	Ledger *attest.Ledger
	Ask    func(in [64]byte) (Report, error)
	Body   func(Report) ([]byte, error) // makes the evidence's body of a report
}

var _ attest.Attester = (*Attester)(nil)

// Evidence implements attest.Attester.
func (a *Attester) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	e, err := a.evidence(ctx, reportData)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("%s: evidence: %w", a.Kind, err)
	}
	return e, nil
}

func (a *Attester) evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	field, log, err := a.Ledger.Statement(reportData)
	if err != nil {
		return attest.Evidence{}, err
	}
	r, err := a.Ask(field)
	if err != nil {
		return attest.Evidence{}, err
	}
	body, err := a.Body(r)
	if err != nil {
		return attest.Evidence{}, err
	}
	return attest.Evidence{Kind: a.Kind, Body: body, Log: log}, nil
}
