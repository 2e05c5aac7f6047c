package chip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest"
	"volar/enclave/attest/tpm"
)

// MaxSecret is the longest secret that a chip seals, in bytes.
const MaxSecret = 128

// Bind extends the register with K and CAP. From then on nothing unseals on
// this machine until it starts again, and the register names this key alone.
func (p *Platform) Bind(_ context.Context, vaultKey [32]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound {
		return fmt.Errorf("tpm: bind key: %w", ErrBound)
	}
	m := attest.ExtendMeasurement([32]byte{}, p.approval.Measurement)
	k := attest.ExtendKey(m, vaultKey)
	capped := attest.ExtendCap(k)
	err := p.chip.do("bind key", func(t transport.TPM) error {
		if now, err := p.chip.register(t); err != nil || now == capped {
			return err
		}
		if err := p.chip.extend(t, m, k, attest.KeyDigest(vaultKey)); err != nil {
			return err
		}
		return p.chip.extend(t, k, capped, attest.CapDigest())
	})
	if err != nil {
		return err
	}
	p.vaultKey, p.bound = vaultKey, true
	return nil
}

// Epoch is how often the counter has counted since the set-up.
func (p *Platform) Epoch(context.Context) (epoch uint64, err error) {
	err = p.chip.do("read the counter", func(t transport.TPM) error {
		epoch, err = p.epoch(t)
		return err
	})
	return epoch, err
}

func (p *Platform) epoch(t transport.TPM) (uint64, error) {
	auth, err := p.seed.auth(counterAuth)
	if err != nil {
		return 0, err
	}
	v, err := p.chip.readCounter(t, auth)
	if err == nil && v < p.seed.base {
		err = fmt.Errorf("counter at %d, which began at %d", v, p.seed.base)
	}
	return v - p.seed.base, err
}

// Commit moves the counter to epoch, which must be the next one. Where the
// chip's answer is lost, the counter tells.
func (p *Platform) Commit(_ context.Context, epoch uint64) error {
	tried := false
	return p.chip.do("commit", func(t transport.TPM) error {
		auth, err := p.seed.auth(counterAuth)
		if err != nil {
			return err
		}
		now, err := p.epoch(t)
		switch {
		case err != nil:
			return err
		case tried && now == epoch:
			return nil
		case now+1 != epoch:
			return fmt.Errorf("%w: epoch %d, counter %d", ErrEpoch, epoch, now)
		}
		tried = true
		return p.chip.count(t, auth, true)
	})
}

// sealedForm is a sealed secret as CBOR.
type sealedForm struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Object  Object
}

// maxSealed bounds a sealed secret, in bytes.
const maxSealed = 1 << 10

// parseSealed reads a sealed secret.
func parseSealed(b []byte) (Object, error) {
	var f sealedForm
	if len(b) > maxSealed {
		return Object{}, fmt.Errorf("tpm: unseal: %w: %d bytes, at most %d", ErrSealed, len(b), maxSealed)
	}
	if err := codec.Unmarshal(b, &f); err != nil {
		return Object{}, fmt.Errorf("tpm: unseal: %w: %w", ErrSealed, err)
	}
	if f.Version != 1 {
		return Object{}, fmt.Errorf("tpm: unseal: %w: version %d, want 1", ErrSealed, f.Version)
	}
	return f.Object, nil
}

// Seal encrypts a secret of 1 to MaxSecret bytes so that it opens in this
// epoch only, for vaults that the release key approves, on this board.
func (p *Platform) Seal(_ context.Context, epoch uint64, secret []byte) ([]byte, error) {
	if len(secret) == 0 || len(secret) > MaxSecret {
		return nil, fmt.Errorf("tpm: seal: secret of %d bytes, 1 to %d", len(secret), MaxSecret)
	}
	counter, err := fixedName()
	if err != nil {
		return nil, fmt.Errorf("tpm: seal: %w", err)
	}
	policy := tpm.Sealed(p.state.Release, p.boot.Board()).Counter(counter, p.seed.base+epoch)
	f := sealedForm{Version: 1}
	err = p.chip.do("seal", func(t transport.TPM) (err error) {
		f.Object, err = p.chip.seal(t, secret, policy)
		return err
	})
	if err != nil {
		return nil, err
	}
	return codec.Marshal(f)
}

// Unseal opens what Seal made for the epoch at which the counter stands, and
// only until the vault's key is bound: then the chip refuses whoever asks.
func (p *Platform) Unseal(_ context.Context, epoch uint64, sealed []byte) (secret []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := parseSealed(sealed)
	if err != nil {
		return nil, err
	}
	err = p.chip.do("unseal", func(t transport.TPM) error {
		if secret, err = p.unseal(t, o, p.stands(epoch)); err != nil && p.bound {
			err = fmt.Errorf("%w: %w", ErrBound, err)
		} else if err != nil && (refused(err) || malformed(err)) {
			err = fmt.Errorf("%w: %w", ErrSealed, err)
		}
		return err
	})
	return secret, err
}

// malformed tells whether the chip could not read what it was to load.
func malformed(err error) bool {
	var e tpm2.TPMFmt1Error
	return errors.As(err, &e)
}

// stands asks for the counter to stand at an epoch (TPM2_PolicyNV).
func (p *Platform) stands(epoch uint64) tpm2.PolicyCallback {
	return func(t transport.TPM, s tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
		auth, err := p.seed.auth(counterAuth)
		if err != nil {
			return err
		}
		user, index, err := p.chip.counter(auth, true)
		if err != nil {
			return err
		}
		operand := binary.BigEndian.AppendUint64(nil, p.seed.base+epoch)
		_, err = tpm2.PolicyNV{AuthHandle: user, NVIndex: index, PolicySession: s, OperandB: tpm2.TPM2BOperand{Buffer: operand}, Operation: tpm2.TPMEOEq}.Execute(t)
		return err
	}
}

// Evidence is a quote over reportData, how the machine booted, and M, K, CAP.
func (p *Platform) Evidence(_ context.Context, reportData [64]byte) (attest.Evidence, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.bound {
		return attest.Evidence{}, fmt.Errorf("tpm: evidence: %w", ErrNotBound)
	}
	body := tpm.Body{Release: p.state.Release, Boot: p.boot, Certificate: p.certificate}
	err := p.chip.do("quote", func(t transport.TPM) error { return p.quote(t, tpm.Nonce(reportData), &body) })
	if err != nil {
		return attest.Evidence{}, err
	}
	e := attest.Evidence{Kind: attest.KindTPM}
	if e.Body, err = body.Marshal(); err != nil {
		return attest.Evidence{}, err
	}
	e.Log, err = attest.Events{Measurement: p.approval.Measurement, VaultKey: p.vaultKey}.Marshal()
	return e, err
}

// quote has the chip sign the registers.
func (p *Platform) quote(t transport.TPM, nonce [32]byte, body *tpm.Body) error {
	auth, err := p.seed.auth(keyAuth)
	if err != nil {
		return err
	}
	if p.chip.key == nil { // stays loaded: quotes are what devices wait for
		key, err := p.chip.load(t, p.state.Key)
		if err != nil {
			return err
		}
		p.chip.key = &key
	}
	q, err := tpm2.Quote{
		SignHandle:     tpm2.AuthHandle{Handle: p.chip.key.Handle, Name: p.chip.key.Name, Auth: p.chip.session(auth)},
		QualifyingData: tpm2.TPM2BData{Buffer: nonce[:]},
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		PCRSelect:      selection(tpm.QuotedPCRs...),
	}.Execute(t)
	if err != nil {
		return err
	}
	signed := q.Quoted.Bytes()
	if len(signed) != len(body.Attest) {
		return fmt.Errorf("quote of %d bytes, want %d", len(signed), len(body.Attest))
	}
	copy(body.Attest[:], signed)
	sig, err := q.Signature.Signature.ECDSA()
	if err != nil {
		return err
	}
	if body.Signature, err = tpm.NewSignature(new(big.Int).SetBytes(sig.SignatureR.Buffer), new(big.Int).SetBytes(sig.SignatureS.Buffer)); err != nil {
		return err
	}
	body.Key, err = p.state.key()
	return err
}
