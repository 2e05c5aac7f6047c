package main

import (
	"crypto/ecdh"
	"fmt"
	"io"
	"os"

	"volar/hal"
)

// identity is the unit's key. Process 1 unseals it from the TPM and hands it
// over through a pipe; it is on no disk.
type identity struct{ key *ecdh.PrivateKey }

var _ hal.Identity = identity{}

// readIdentity reads a private key of X25519, 32 bytes and the end.
func readIdentity(f *os.File) (identity, error) {
	if f == nil {
		return identity{}, usageError{fmt.Errorf("identity: no such descriptor")}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 33))
	defer clear(b)
	if err == nil && len(b) != 32 {
		err = fmt.Errorf("%d bytes or more, want 32", len(b))
	}
	if err != nil {
		return identity{}, fmt.Errorf("identity: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return identity{}, fmt.Errorf("identity: %w", err)
	}
	return identity{key}, nil
}

// Public is the unit's public key.
func (i identity) Public() [32]byte { return [32]byte(i.key.PublicKey().Bytes()) }

// ECDH agrees on a secret with peer; the standard library refuses one of zeros.
func (i identity) ECDH(peer [32]byte) ([32]byte, error) {
	p, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return [32]byte{}, fmt.Errorf("identity: agree with a peer: %w", err)
	}
	secret, err := i.key.ECDH(p)
	if err != nil {
		return [32]byte{}, fmt.Errorf("identity: agree with a peer: %w", err)
	}
	return [32]byte(secret), nil
}
