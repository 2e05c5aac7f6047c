package tdx

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"volar/enclave/attest"
)

// Verifier checks quotes of trust domains. The zero Verifier trusts Intel.
// It asks nobody: a processor that Intel revokes stays good here until the
// policy's minimum rises.
type Verifier struct {
	Root *x509.Certificate // instead of Intel's, for tests
}

var _ attest.Verifier = Verifier{}

// Kind implements attest.Verifier.
func (Verifier) Kind() string { return attest.KindTDX }

// Verify implements attest.Verifier: signatures and chain, then no debug, a
// platform that is new enough, an accepted image, and the vault's own data.
func (v Verifier) Verify(e attest.Evidence, events attest.Events, p attest.Policy, reportData [64]byte, now time.Time) (notice string, err error) {
	root := v.Root
	if root == nil {
		root = intelRoot
	}
	s, err := open(e.Body, root, now)
	if err == nil {
		err = s.judge(p.TDX, attest.Bound(reportData, events.Register()))
	}
	if err != nil {
		return "", fmt.Errorf("tdx: verify: %w", err)
	}
	return "", nil
}

// Attributes of a trust domain (Intel TDX module ABI, TD_PARAMS).
const (
	untrusted   = 0xff            // bits 0 to 7: any of them lets the host look inside
	septDisable = uint64(1) << 28 // no exception that the host could cause
	pks         = uint64(1) << 30 // protection keys of supervisor pages
)

// judge holds a genuine quote against a policy.
func (s *statement) judge(p *attest.TDX, data [64]byte) error {
	if p == nil {
		return fmt.Errorf("%w: tdx", attest.ErrKind)
	}
	attributes := binary.LittleEndian.Uint64(s.body.GetTdAttributes())
	if attributes&untrusted != 0 || !zero(s.body.GetSeamAttributes()) {
		return fmt.Errorf("%w: attributes %#x", attest.ErrDebug, attributes)
	}
	if attributes&^(septDisable|pks) != 0 {
		return fmt.Errorf("%w: attributes %#x", attest.ErrPlatform, attributes)
	}
	if !zero(s.body.GetMrSignerSeam()) {
		return fmt.Errorf("%w: a TDX module that Intel did not sign", attest.ErrPlatform)
	}
	if err := s.minimum(p); err != nil {
		return err
	}
	if image := s.image(); !slices.Contains(p.Images, image) {
		return fmt.Errorf("%w: MRTD %x, RTMR0 %x", attest.ErrPlatform, image.MRTD[:8], image.RTMR[0][:8])
	}
	if !bytes.Equal(s.body.GetReportData(), data[:]) {
		return attest.ErrBinding
	}
	return nil
}

// minimum checks every version that a quote names: of the TDX module, of the
// processor's microcode, of the quoting and of the provisioning enclave.
func (s *statement) minimum(p *attest.TDX) error {
	for _, v := range []struct {
		name        string
		have, least []byte
	}{{"TDX module", s.body.GetTeeTcbSvn(), p.TCB[:]}, {"processor", s.key.TCB.CPUSvnComponents, p.CPU[:]}} {
		if len(v.have) != len(v.least) {
			return fmt.Errorf("%w: versions of the %s: %d, want %d", attest.ErrMalformed, v.name, len(v.have), len(v.least))
		}
		for i, have := range v.have {
			if have < v.least[i] {
				return fmt.Errorf("%w: %s: part %d is version %d, at least %d", attest.ErrOutdated, v.name, i+1, have, v.least[i])
			}
		}
	}
	if have := s.qe.GetIsvSvn(); have < uint32(p.QE) {
		return fmt.Errorf("%w: quoting enclave is version %d, at least %d", attest.ErrOutdated, have, p.QE)
	}
	if have := s.key.TCB.PCESvn; have < p.PCE {
		return fmt.Errorf("%w: provisioning enclave is version %d, at least %d", attest.ErrOutdated, have, p.PCE)
	}
	return nil
}

// image is what the trust domain measured as.
func (s *statement) image() (i attest.TDXImage) {
	copy(i.MRTD[:], s.body.GetMrTd())
	for n, r := range s.body.GetRtmrs() {
		copy(i.RTMR[n][:], r)
	}
	return i
}

func zero(b []byte) bool { return !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) }
