package main

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/chip"
	"volar/wire/prov"
)

// Why a unit's proof is refused.
var (
	errIdentity = errors.New("the key that the TPM vouches for is not the one of this session")
	errFirmware = errors.New("the unit's firmware is none that the plan accepts")
)

// prove has the unit's TPM show that it is one, that its attestation key lies
// in it, and that the firmware which PCR 8 names asked it, in this very
// session, to vouch for the unit's key. firmware/provision/README.md says what
// that proves, and what not.
func (b *bench) prove(ctx context.Context) (string, bool, error) {
	p, err := prov.Call[prov.Proof](ctx, b.client, prov.Prove, nil)
	if err != nil {
		return "", false, err
	}
	key, binding := b.client.Peer()
	if p.Identity != key {
		return "", false, errIdentity
	}
	endorsement, maker, err := b.endorsement(ctx, &p)
	if err != nil {
		return "", false, err
	}
	challenge, err := chip.NewUnitChallenge(endorsement, tpm.PublicKey(p.Attestation))
	if err != nil {
		return "", false, err
	}
	answer, err := prov.Call[prov.Answered](ctx, b.client, prov.Activate, prov.Activation{Credential: challenge.Credential, Secret: challenge.Secret})
	if err == nil {
		err = challenge.Check(answer.Secret)
	}
	if err != nil {
		return "", false, err
	}
	nonce := prov.ProofNonce(p.Identity, binding, b.status.Serial)
	if err := tpm.CheckUnitQuote(tpm.PublicKey(p.Attestation), p.Quote, tpm.Signature(p.Signature), p.PCR8, nonce); err != nil {
		return "", false, err
	}
	if len(b.plan.firmware) > 0 && !slices.Contains(b.plan.firmware, p.PCR8) {
		return "", false, hint(fmt.Errorf("%w: PCR 8 is %x", errFirmware, p.PCR8), "write an image that the plan names, or name this one's folder under images")
	}
	if _, err := b.client.Do(ctx, prov.Keep, nil); err != nil {
		return "", false, err
	}
	b.report.proved(&p, binding, maker)
	return fmt.Sprintf("key %x…, PCR 8 %x…, %s", p.Identity[:4], p.PCR8[:4], maker), b.status.State >= prov.Keyed, nil
}

// endorsement is the unit's endorsement key, and who vouches for it.
func (b *bench) endorsement(ctx context.Context, p *prov.Proof) (*rsa.PublicKey, string, error) {
	bare := &rsa.PublicKey{N: new(big.Int).SetBytes(p.Endorsement[:]), E: 65537}
	if b.plan.makers == nil {
		return bare, "TPM that no maker vouches for", nil
	}
	if p.Certificate == 0 {
		return nil, "", hint(chip.ErrNoCert, "this unit's TPM has no certificate of its maker: a plan for development takes it without 'makers'")
	}
	der, err := b.fetch(ctx, prov.ValueEndorsement)
	if err != nil {
		return nil, "", err
	}
	key, err := chip.CheckEndorsement(der, b.plan.makers, b.plan.makers, b.now())
	if err != nil {
		return nil, "", hint(err, "add the root of this TPM's maker to the plan's makers, if you trust it")
	}
	if key.N.Cmp(bare.N) != 0 {
		return nil, "", errors.New("the TPM's certificate is of another endorsement key than its own")
	}
	sum := sha256.Sum256(der)
	b.report.Endorsement = hex.EncodeToString(sum[:])
	return key, "TPM with its maker's certificate", nil
}
