package sevsnp

import (
	"errors"
	"fmt"

	"github.com/google/go-sev-guest/abi"

	"volar/enclave/attest"
	"volar/enclave/attest/tsm"
)

// NewAttester vouches for what the ledger says. The host must pass the
// chip's certificate to its guests (QEMU: certs-path), as clouds do.
func NewAttester(ledger *attest.Ledger) *tsm.Attester {
	ask := func(in [64]byte) (tsm.Report, error) { return tsm.Ask(tsm.ProviderSNP, in) }
	return &tsm.Attester{Kind: attest.KindSNP, Ledger: ledger, Ask: ask, Body: bodyOf}
}

// bodyOf joins a report and the certificate of its signer.
func bodyOf(r tsm.Report) ([]byte, error) {
	f := body{Version: version, Report: r.Out}
	var err error
	if f.Key, err = signer(r); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return codec.Marshal(f)
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
