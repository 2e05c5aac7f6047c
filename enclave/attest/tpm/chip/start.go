package chip

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest"
	"volar/enclave/attest/broker"
	"volar/enclave/attest/tpm"
)

// Platform is one start of a vault on a chip.
type Platform struct {
	chip        *Chip
	state       State
	approval    tpm.Approval
	certificate []byte
	boot        tpm.Boot
	seed        seed
	ticket      tpm2.TPMTTKVerified // the chip's own note that it has checked the approval

	mu       sync.Mutex
	vaultKey [32]byte
	bound    bool
}

var _ broker.Platform = (*Platform)(nil)

// Launch is what a vault is started with.
type Launch struct {
	State       []byte       // what SetUp kept
	Measurement [32]byte     // SHA-256 of the vault program that is about to run
	Approval    tpm.Approval // the release key's word for it
	Certificate []byte       // of the attestation key, for devices; may be empty
}

// Start measures the vault and opens the platform's secrets for it. What can
// be found wrong before is: once M is extended, the machine must start again
// before another vault can.
func (c *Chip) Start(l Launch) (*Platform, error) {
	st, err := ParseState(l.State)
	if err != nil {
		return nil, err
	}
	p := &Platform{chip: c, state: st, approval: l.Approval, certificate: l.Certificate}
	storage, err := st.storage()
	if err != nil {
		return nil, err
	}
	if len(l.Certificate) > tpm.MaxCertificate {
		return nil, fmt.Errorf("tpm: start: certificate of %d bytes, at most %d", len(l.Certificate), tpm.MaxCertificate)
	}
	if err := c.do("start", func(t transport.TPM) error { return p.recognise(t, storage) }); err != nil {
		return nil, err
	}
	if err := p.approved(l.Measurement); err != nil {
		return nil, err
	}
	m := attest.ExtendMeasurement([32]byte{}, l.Measurement)
	if err := c.do("measure the vault", func(t transport.TPM) error {
		return c.extend(t, [32]byte{}, m, attest.MeasurementDigest(l.Measurement))
	}); err != nil {
		return nil, err
	}
	if err := c.do("open the platform's secrets", p.open); err != nil {
		return nil, err
	}
	return p, nil
}

// recognise finds out whether the chip is the one of the state.
func (p *Platform) recognise(t transport.TPM, storage *tpm2.TPMTPublic) error {
	r, err := tpm2.ReadPublic{ObjectHandle: storageHandle}.Execute(t)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return ErrForeign
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(r.OutPublic.Bytes(), p.state.Storage) {
		return ErrForeign
	}
	p.chip.storage = storage
	now, err := p.chip.starts(t) // before the vault is measured: a reset after it leaves nothing of M
	if err != nil {
		return err
	}
	p.chip.since = &now
	p.boot, err = p.chip.boot(t)
	return err
}

// approved tells in plain words what the chip would refuse without one.
func (p *Platform) approved(measurement [32]byte) error {
	a := p.approval
	if err := a.Check(); err != nil {
		return fmt.Errorf("tpm: start: %w: %w", ErrApproval, err)
	}
	switch {
	case a.Release != p.state.Release:
		return fmt.Errorf("tpm: start: %w: signed by another release key than the one of the set-up", ErrApproval)
	case a.Measurement != measurement:
		return fmt.Errorf("tpm: start: %w: it approves vault %x, this is %x", ErrApproval, a.Measurement[:8], measurement[:8])
	case a.Boot != p.boot.Programs():
		return fmt.Errorf("tpm: start: %w: it approves another boot loader or kernel (PCR 4, 8, 9)", ErrApproval)
	}
	return nil
}

// extend moves the vault's register from one value to the next. It may have
// done so in an earlier try.
func (c *Chip) extend(t transport.TPM, from, to, digest [32]byte) error {
	now, err := c.register(t)
	if err != nil || now == to {
		return err
	}
	if now != from {
		if from == ([32]byte{}) {
			return ErrUsed
		}
		return errUnexpected
	}
	_, err = tpm2.PCRExtend{
		PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(tpm.VaultPCR), Auth: c.session(nil)},
		Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}},
	}.Execute(t)
	return err
}

// open has the approval checked by the chip, opens the seed, and completes
// what an interrupted set-up or a power cut left undone.
func (p *Platform) open(t transport.TPM) error {
	if err := p.showApproval(t); err != nil {
		return err
	}
	b, err := p.unseal(t, p.state.Seed, nil)
	if err != nil {
		if refused(err) {
			return fmt.Errorf("%w: %w", ErrBoard, err)
		}
		return err
	}
	defer clear(b)
	if p.seed, err = parseSeed(b); err != nil {
		return err
	}
	if err := p.chip.own(t, p.seed); err != nil {
		return err
	}
	return p.chip.trustClock(t, p.seed)
}

// showApproval has the chip check the release key's signature.
func (p *Platform) showApproval(t transport.TPM) error {
	k, err := tpm2.LoadExternal{Hierarchy: tpm2.TPMRHOwner, InPublic: tpm2.BytesAs2B[tpm2.TPMTPublic](p.approval.Release.External())}.Execute(t)
	if err != nil {
		return err
	}
	defer flush(t, k.ObjectHandle)
	digest, sig := p.approval.Digest(), p.approval.Signature
	v, err := tpm2.VerifySignature{
		KeyHandle: k.ObjectHandle, Digest: tpm2.TPM2BDigest{Buffer: digest[:]},
		Signature: tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgECDSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{
			Hash: tpm2.TPMAlgSHA256, SignatureR: tpm2.TPM2BECCParameter{Buffer: sig[:32]}, SignatureS: tpm2.TPM2BECCParameter{Buffer: sig[32:]}})},
	}.Execute(t)
	if err != nil {
		return err
	}
	p.ticket = v.Validation
	return nil
}

// unseal opens an object that tpm.Sealed, and what more asks for, protects.
func (p *Platform) unseal(t transport.TPM, o Object, more tpm2.PolicyCallback) ([]byte, error) {
	item, err := p.chip.load(t, o)
	if err != nil {
		return nil, err
	}
	defer flush(t, item.Handle)
	satisfy := func(t transport.TPM, s tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		if err := p.satisfy(t, s); err != nil || more == nil {
			return err
		}
		return more(t, s, nonce)
	}
	policy := tpm2.Policy(tpm2.TPMAlgSHA256, 16, satisfy, tpm2.AESEncryption(128, tpm2.EncryptOut), tpm2.Salted(storageHandle, *p.chip.storage))
	u, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: item.Handle, Name: item.Name, Auth: policy}}.Execute(t)
	if err != nil {
		// A policy that failed before Unseal leaves its session behind.
		if s := policy.Handle(); s != tpm2.TPMRHNull {
			flush(t, s)
		}
		return nil, err
	}
	return u.OutData.Buffer, nil
}

// satisfy goes through tpm.Sealed's policy: the program registers as the
// release key approved them, then the board's as they were at sealing.
func (p *Platform) satisfy(t transport.TPM, s tpm2.TPMISHPolicy) error {
	if _, err := (tpm2.PolicyPCR{PolicySession: s, Pcrs: selection(tpm.ProgramPCRs...)}).Execute(t); err != nil {
		return err
	}
	approved, release := p.approval.Policy(), p.approval.Release.External().Name()
	_, err := tpm2.PolicyAuthorize{PolicySession: s, ApprovedPolicy: tpm2.TPM2BDigest{Buffer: approved[:]},
		PolicyRef: tpm2.TPM2BDigest{Buffer: []byte(tpm.PolicyRef)}, KeySign: tpm2.TPM2BName{Buffer: release[:]}, CheckTicket: p.ticket}.Execute(t)
	if err != nil {
		return err
	}
	_, err = tpm2.PolicyPCR{PolicySession: s, Pcrs: selection(tpm.BoardPCRs...)}.Execute(t)
	return err
}

// refused tells whether the chip said that a policy is not met.
func refused(err error) bool {
	for _, rc := range []tpm2.TPMRC{tpm2.TPMRCPolicyFail, tpm2.TPMRCPolicy, tpm2.TPMRCValue, tpm2.TPMRCIntegrity, tpm2.TPMRCPolicyCC} {
		if errors.Is(err, rc) {
			return true
		}
	}
	return false
}
