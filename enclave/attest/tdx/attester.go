package tdx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"volar/enclave/attest"
	"volar/enclave/attest/tsm"
)

// Attester asks the kernel of the trust domain that it runs in, which asks
// the host's quoting service.
type Attester struct {
	ledger *attest.Ledger
	ask    func(in [64]byte) (tsm.Report, error)
}

var _ attest.Attester = (*Attester)(nil)

// NewAttester vouches for what the ledger says.
func NewAttester(ledger *attest.Ledger) *Attester {
	return &Attester{ledger, func(in [64]byte) (tsm.Report, error) { return tsm.Ask(tsm.ProviderTDX, in) }}
}

// Evidence implements attest.Attester.
func (a *Attester) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	e, err := a.evidence(ctx, reportData)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("tdx: evidence: %w", err)
	}
	return e, nil
}

func (a *Attester) evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	field, log, err := a.ledger.Statement(reportData)
	if err != nil {
		return attest.Evidence{}, err
	}
	r, err := a.ask(field)
	if err != nil {
		return attest.Evidence{}, err
	}
	quote, err := trim(r.Out)
	if err != nil {
		return attest.Evidence{}, err
	}
	return attest.Evidence{Kind: attest.KindTDX, Body: quote, Log: log}, nil
}

// trim cuts off what quoting services leave behind a quote: nothing signs it.
func trim(b []byte) ([]byte, error) {
	if len(b) < signedData {
		return nil, errors.New("quote too short")
	}
	n := binary.LittleEndian.Uint32(b[bodyEnd:])
	if uint64(n) > uint64(len(b)-signedData) {
		return nil, fmt.Errorf("quote of %d bytes with signed data of %d", len(b), n)
	}
	b = b[:signedData+int(n)]
	_, err := parse(b)
	return b, err
}
