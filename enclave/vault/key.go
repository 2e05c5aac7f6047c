package vault

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"

	"volar/enclave/vault/memory"
	"volar/wire/link"
)

// staticKey is the vault's Noise key. Its private half lives in memory that the
// kernel itself does not read where there is such memory (memory.Secret), and
// elsewhere only while a handshake uses it.
type staticKey struct {
	private *memory.Region
	public  [32]byte
}

var _ link.Static = (*staticKey)(nil)

// newStaticKey draws a key.
func newStaticKey() (*staticKey, error) {
	region, err := memory.Secret(32)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	k := &staticKey{private: region}
	_, _ = rand.Read(k.bytes()) // never fails: crypto/rand ends the program instead
	memory.Erasing(func() {
		var private *ecdh.PrivateKey
		if private, err = ecdh.X25519().NewPrivateKey(k.bytes()); err == nil {
			k.public = [32]byte(private.PublicKey().Bytes())
		}
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a key: %w", err), region.Close())
	}
	return k, nil
}

func (k *staticKey) bytes() []byte { return k.private.Bytes()[:32] }

// Public implements link.Static.
func (k *staticKey) Public() [32]byte { return k.public }

// ECDH implements link.Static.
func (k *staticKey) ECDH(peer [32]byte) (shared [32]byte, err error) {
	memory.Erasing(func() {
		var private *ecdh.PrivateKey
		var public *ecdh.PublicKey
		var b []byte
		if public, err = ecdh.X25519().NewPublicKey(peer[:]); err != nil {
			return
		}
		if private, err = ecdh.X25519().NewPrivateKey(k.bytes()); err != nil {
			return
		}
		if b, err = private.ECDH(public); err == nil {
			shared = [32]byte(b)
			clear(b)
		}
	})
	return shared, err
}
