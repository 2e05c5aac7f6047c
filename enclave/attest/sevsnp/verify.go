package sevsnp

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/kds"
	"github.com/google/go-sev-guest/proto/sevsnp"
	"github.com/google/go-sev-guest/validate"
	"github.com/google/go-sev-guest/verify"
	"github.com/google/go-sev-guest/verify/trust"

	"volar/enclave/attest"
)

// Verifier checks reports of SEV-SNP guests. The zero Verifier trusts AMD.
// It asks nobody: a certificate that AMD revokes stays good here until the
// policy's minimum rises above the firmware that it was made for.
type Verifier struct {
	Roots map[string][]*trust.AMDRootCerts // instead of AMD's, by line of products, for tests
}

var _ attest.Verifier = Verifier{}

// Kind implements attest.Verifier.
func (Verifier) Kind() string { return attest.KindSNP }

// Verify implements attest.Verifier: signature and chain, then no debug, an
// accepted image on firmware that is new enough, and the vault's own data.
func (v Verifier) Verify(e attest.Evidence, events attest.Events, p attest.Policy, reportData [64]byte, now time.Time) (notice string, err error) {
	s, err := open(e.Body, v.Roots, now)
	if err == nil {
		err = s.judge(p.SNP, attest.Bound(reportData, events.Register()))
	}
	if err != nil {
		return "", fmt.Errorf("sevsnp: verify: %w", err)
	}
	return "", nil
}

// statement is a genuine report.
type statement struct {
	*sevsnp.Attestation
	report *sevsnp.Report
	line   string // of products
}

// open checks the report's signature and the chain of its key up to AMD's roots.
func open(b []byte, roots map[string][]*trust.AMDRootCerts, now time.Time) (*statement, error) {
	f, err := parse(b)
	if err != nil {
		return nil, err
	}
	if err := one(f.Report); err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	report, err := abi.ReportToProto(f.Report)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	info, err := abi.ParseSignerInfo(report.GetSignerInfo())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	line, err := product(report, f.Key, info.SigningKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	s := &statement{&sevsnp.Attestation{Report: report, CertificateChain: &sevsnp.CertificateChain{}}, report, line}
	if info.SigningKey == abi.VlekReportSigner {
		s.CertificateChain.VlekCert = f.Key
	} else {
		s.CertificateChain.VcekCert = f.Key
	}
	if err := verify.SnpAttestation(s.Attestation, &verify.Options{DisableCertFetching: true, Now: now, TrustedRoots: roots}); err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrSignature, err)
	}
	return s, nil
}

// product is the line of products that a report of version 3 names; of an
// older one, that the key's certificate does.
func product(report *sevsnp.Report, der []byte, signer abi.ReportSigner) (string, error) {
	if family := report.GetCpuid1EaxFms(); family != 0 {
		return kds.ProductLineFromFms(family), nil
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	ext, err := kds.CertificateExtensions(cert, signer)
	if err != nil {
		return "", err
	}
	p, err := kds.ParseProductName(ext.ProductName, signer)
	if err != nil {
		return "", err
	}
	return kds.ProductLine(p), nil
}

// judge holds a genuine report against a policy.
func (s *statement) judge(p *attest.SNP, data [64]byte) error {
	if p == nil {
		return fmt.Errorf("%w: sev-snp", attest.ErrKind)
	}
	guest, err := abi.ParseSnpPolicy(s.report.GetPolicy())
	if err != nil {
		return fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	if guest.Debug {
		return fmt.Errorf("%w: the guest's policy lets its host read its memory", attest.ErrDebug)
	}
	least, err := s.minimum(p)
	if err != nil {
		return err
	}
	if !slices.Contains(p.Images, [48]byte(s.report.GetMeasurement())) {
		return fmt.Errorf("%w: launch digest %x", attest.ErrPlatform, s.report.GetMeasurement()[:8])
	}
	if !bytes.Equal(s.report.GetReportData(), data[:]) {
		return attest.ErrBinding
	}
	// What is left: versions of the guest's policy, migration agents,
	// multithreading, the privilege level of whoever asked, and that the
	// certificate is for this chip and this firmware.
	vmpl := 0
	if err := validate.SnpAttestation(s.Attestation, &validate.Options{
		GuestPolicy: abi.SnpPolicy{SMT: p.SMT}, MinimumTCB: least, MinimumLaunchTCB: least, VMPL: &vmpl,
		ReportData: data[:], Measurement: s.report.GetMeasurement(), PermitProvisionalFirmware: true,
	}); err != nil {
		return fmt.Errorf("%w: %w", attest.ErrPlatform, err)
	}
	return nil
}

// minimum checks every version of the firmware that a report names: what the
// chip runs, what it has committed to, what it reports, and what launched the guest.
func (s *statement) minimum(p *attest.SNP) (least kds.TCBParts, err error) {
	i := slices.IndexFunc(p.TCB, func(t attest.SNPTCB) bool { return t.Product == s.line })
	if i < 0 {
		return least, fmt.Errorf("%w: a processor of line %q", attest.ErrPlatform, s.line)
	}
	t := p.TCB[i]
	least = kds.TCBParts{BlSpl: t.Bootloader, TeeSpl: t.TEE, SnpSpl: t.SNP, UcodeSpl: t.Microcode}
	for _, v := range []struct {
		name string
		tcb  uint64
	}{
		{"current", s.report.GetCurrentTcb()}, {"committed", s.report.GetCommittedTcb()},
		{"reported", s.report.GetReportedTcb()}, {"launch", s.report.GetLaunchTcb()},
	} {
		if parts := kds.DecomposeTCBVersion(kds.TCBVersion(v.tcb)); !kds.TCBPartsLE(least, parts) {
			return least, fmt.Errorf("%w: %s TCB is bootloader %d, TEE %d, SNP %d, microcode %d; at least %d, %d, %d, %d", attest.ErrOutdated,
				v.name, parts.BlSpl, parts.TeeSpl, parts.SnpSpl, parts.UcodeSpl, t.Bootloader, t.TEE, t.SNP, t.Microcode)
		}
	}
	return least, nil
}
