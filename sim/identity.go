package sim

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"

	"volar/hal"
)

// identity is a hal.Identity whose key lies in a store: whoever holds the
// disk holds the key. A real board keeps it in its TPM.
type identity struct{ key *ecdh.PrivateKey }

const identityKey = "identity"

// openIdentity reads the unit's key, or makes one where there is none.
func openIdentity(s hal.Store) (identity, error) {
	b, err := s.Get(identityKey)
	if errors.Is(err, hal.ErrNotFound) {
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return identity{}, fmt.Errorf("sim: make the device key: %w", err)
		}
		if err := s.Put(identityKey, key.Bytes()); err != nil {
			return identity{}, err
		}
		return identity{key}, nil
	}
	if err != nil {
		return identity{}, err
	}
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return identity{}, fmt.Errorf("sim: read the device key: %w", err)
	}
	return identity{key}, nil
}

// Public is the device's public key.
func (i identity) Public() [32]byte { return [32]byte(i.key.PublicKey().Bytes()) }

// ECDH agrees on a secret with peer; the standard library refuses one of zeros.
func (i identity) ECDH(peer [32]byte) ([32]byte, error) {
	p, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return [32]byte{}, fmt.Errorf("sim: agree with a peer: %w", err)
	}
	secret, err := i.key.ECDH(p)
	if err != nil {
		return [32]byte{}, fmt.Errorf("sim: agree with a peer: %w", err)
	}
	return [32]byte(secret), nil
}
