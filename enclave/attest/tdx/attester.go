package tdx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"volar/enclave/attest"
	"volar/enclave/attest/tsm"
)

// NewAttester vouches for what the ledger says, through the host's quoting service.
func NewAttester(ledger *attest.Ledger) *tsm.Attester {
	ask := func(in [64]byte) (tsm.Report, error) { return tsm.Ask(tsm.ProviderTDX, in) }
	body := func(r tsm.Report) ([]byte, error) { return trim(r.Out) }
	return &tsm.Attester{Kind: attest.KindTDX, Ledger: ledger, Ask: ask, Body: body}
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
