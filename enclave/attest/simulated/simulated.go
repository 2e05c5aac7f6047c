// Package simulated is a platform made of nothing but software: a signing
// key, a sealing key and a counter that its owner keeps in ordinary files.
//
// It behaves as the real ones do (a register that only extends, secrets that
// open before the key is bound and only in their own epoch, a counter that
// only goes up), so the vault's code meets the real rules. It protects
// nothing: whoever can read the files can forge all of it. Devices refuse
// its evidence unless their policy says development.
package simulated

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"volar/enclave/attest"
)

// What the platform refuses.
var (
	ErrBound    = errors.New("the vault's key is bound already")
	ErrNotBound = errors.New("the vault's key is not bound yet")
	ErrEpoch    = errors.New("not the epoch that the counter allows")
	ErrSealed   = errors.New("not sealed by this platform for this epoch")
)

// Config is what the platform is made of.
type Config struct {
	Key         ed25519.PrivateKey // signs statements
	Sealing     [32]byte           // seals secrets; not tied to Measurement, so a rebuilt vault can open them
	Measurement [32]byte           // SHA-256 of the vault program that is about to run
	Epoch       uint64             // the counter's value so far
	Persist     func(uint64) error // called with every new value before it counts
}

// Platform is one start of the simulated platform, for one vault process.
type Platform struct {
	cfg Config

	mu       sync.Mutex
	epoch    uint64
	register [32]byte // M; then M, K, CAP once bound
	vaultKey [32]byte
	bound    bool
}

var _ attest.Attester = (*Platform)(nil)

// New measures the vault program into the register.
func New(cfg Config) (*Platform, error) {
	if len(cfg.Key) != ed25519.PrivateKeySize || cfg.Persist == nil || cfg.Sealing == ([32]byte{}) || cfg.Measurement == ([32]byte{}) {
		return nil, errors.New("simulated: start platform: a key, the measurement or the counter is missing")
	}
	return &Platform{cfg: cfg, epoch: cfg.Epoch, register: attest.ExtendMeasurement([32]byte{}, cfg.Measurement)}, nil
}

// Bind extends the register with K and CAP. It works once: from then on
// nothing unseals and the register names this key alone.
func (p *Platform) Bind(_ context.Context, vaultKey [32]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound {
		return fmt.Errorf("simulated: bind key: %w", ErrBound)
	}
	p.register = attest.ExtendCap(attest.ExtendKey(p.register, vaultKey))
	p.vaultKey, p.bound = vaultKey, true
	return nil
}

// Evidence signs reportData together with the register.
func (p *Platform) Evidence(_ context.Context, reportData [64]byte) (attest.Evidence, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.bound {
		return attest.Evidence{}, fmt.Errorf("simulated: evidence: %w", ErrNotBound)
	}
	log, err := attest.Events{Measurement: p.cfg.Measurement, VaultKey: p.vaultKey}.Marshal()
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("simulated: evidence: %w", err)
	}
	body, err := Sign(p.cfg.Key, reportData, p.register)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("simulated: evidence: %w", err)
	}
	return attest.Evidence{Kind: attest.KindSimulated, Body: body, Log: log}, nil
}

// Epoch is the counter's value.
func (p *Platform) Epoch(context.Context) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch, nil
}

// Seal encrypts a secret so that it opens only while the counter stands at epoch.
func (p *Platform) Seal(_ context.Context, epoch uint64, secret []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(p.cfg.Sealing[:])
	if err != nil {
		return nil, fmt.Errorf("simulated: seal: %w", err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(secret)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	return aead.Seal(nonce, nonce, secret, sealContext(epoch)), nil
}

// Unseal opens what Seal made for the epoch at which the counter stands, and
// only until the vault's key is bound: a program that comes later cannot ask.
func (p *Platform) Unseal(_ context.Context, epoch uint64, blob []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound {
		return nil, fmt.Errorf("simulated: unseal: %w", ErrBound)
	}
	if epoch != p.epoch {
		return nil, fmt.Errorf("simulated: unseal: %w: epoch %d, counter %d", ErrEpoch, epoch, p.epoch)
	}
	aead, err := chacha20poly1305.NewX(p.cfg.Sealing[:])
	if err != nil {
		return nil, fmt.Errorf("simulated: unseal: %w", err)
	}
	if len(blob) < aead.NonceSize() {
		return nil, fmt.Errorf("simulated: unseal: %w", ErrSealed)
	}
	secret, err := aead.Open(nil, blob[:aead.NonceSize()], blob[aead.NonceSize():], sealContext(epoch))
	if err != nil {
		return nil, fmt.Errorf("simulated: unseal: %w", ErrSealed)
	}
	return secret, nil
}

// Commit moves the counter to epoch, which must be the next one. There is no way back.
func (p *Platform) Commit(_ context.Context, epoch uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch != p.epoch+1 {
		return fmt.Errorf("simulated: commit: %w: epoch %d, counter %d", ErrEpoch, epoch, p.epoch)
	}
	if err := p.cfg.Persist(epoch); err != nil {
		return fmt.Errorf("simulated: commit: %w", err)
	}
	p.epoch = epoch
	return nil
}

func sealContext(epoch uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("palm/seal/v1"), epoch)
}
