// Package sevsnp is the platform AMD SEV-SNP: the processor signs a report
// over the first memory of a guest and over 64 bytes of the guest's choice,
// with a key that AMD certifies for this chip and this firmware.
//
// Reports are read and checked with github.com/google/go-sev-guest, offline:
// AMD's roots are part of that module, and the chip's certificate travels
// with the report.
package sevsnp

import (
	"bytes"
	"fmt"

	"github.com/google/go-sev-guest/abi"

	"volar/enclave/attest"
	"volar/wire/canonical"
)

// maxDER is the longest certificate, in bytes; AMD's are about 1,400.
const maxDER = 4 << 10

// body is the Body of evidence as CBOR: {1: version, 2: report, 3: certificate}.
type body struct {
	Version uint8  `cbor:"1,keyasint"`
	Report  []byte `cbor:"2,keyasint"` // ATTESTATION_REPORT, 1,184 bytes
	Key     []byte `cbor:"3,keyasint"` // DER certificate of the VCEK or VLEK that signed it
}

const version = 1

var codec = canonical.New(4, 16)

func (b body) check() error {
	if b.Version != version || len(b.Report) != abi.ReportSize || len(b.Key) == 0 || len(b.Key) > maxDER {
		return fmt.Errorf("version %d, report of %d bytes, certificate of %d; want %d, %d, 1 to %d",
			b.Version, len(b.Report), len(b.Key), version, abi.ReportSize, maxDER)
	}
	return nil
}

func parse(b []byte) (body, error) {
	var f body
	if len(b) > abi.ReportSize+maxDER+64 {
		return f, fmt.Errorf("%w: body of %d bytes", attest.ErrMalformed, len(b))
	}
	err := codec.Unmarshal(b, &f)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return f, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	return f, nil
}

// one tells whether the report has only bytes that mean something.
func one(report []byte) error {
	r, err := abi.ReportToProto(report)
	if err != nil {
		return err
	}
	again, err := abi.ReportToAbiBytes(r)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, report) {
		return fmt.Errorf("report is not in its one form")
	}
	return nil
}
