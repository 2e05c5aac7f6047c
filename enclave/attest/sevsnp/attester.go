package sevsnp

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-sev-guest/abi"

	"volar/enclave/attest"
	"volar/enclave/attest/tsm"
)

// Attester asks the kernel of the guest that it runs in.
type Attester struct {
	ledger *attest.Ledger
	ask    func(in [64]byte) (tsm.Report, error)
}

var _ attest.Attester = (*Attester)(nil)

// NewAttester vouches for what the ledger says. The host must pass the
// chip's certificate to its guests (QEMU: certs-path), as clouds do.
func NewAttester(ledger *attest.Ledger) *Attester {
	return &Attester{ledger, func(in [64]byte) (tsm.Report, error) { return tsm.Ask(tsm.ProviderSNP, in) }}
}

// Evidence implements attest.Attester.
func (a *Attester) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	e, err := a.evidence(ctx, reportData)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("sevsnp: evidence: %w", err)
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
	f := body{Version: version, Report: r.Out}
	if f.Key, err = signer(r); err != nil {
		return attest.Evidence{}, err
	}
	if err := f.check(); err != nil {
		return attest.Evidence{}, err
	}
	b, err := codec.Marshal(f)
	if err != nil {
		return attest.Evidence{}, err
	}
	return attest.Evidence{Kind: attest.KindSNP, Body: b, Log: log}, nil
}

// signer is the certificate of the key that signed the report, out of the
// host's table. The host cannot cheat with it: it must lead to AMD's roots.
func signer(r tsm.Report) ([]byte, error) {
	report, err := abi.ReportToProto(r.Out)
	if err != nil {
		return nil, err
	}
	info, err := abi.ParseSignerInfo(report.GetSignerInfo())
	if err != nil {
		return nil, err
	}
	if len(r.Aux) == 0 {
		return nil, errors.New("the host gave no certificates: it has to be configured with the chip's")
	}
	table := new(abi.CertTable)
	if err := table.Unmarshal(r.Aux); err != nil {
		return nil, fmt.Errorf("certificates of the host: %w", err)
	}
	id := abi.VcekGUID
	if info.SigningKey == abi.VlekReportSigner {
		id = abi.VlekGUID
	}
	return table.GetByGUIDString(id)
}
