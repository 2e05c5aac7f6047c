package provision

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"volar/hal"
	"volar/wire/link"
)

// A unit has one secret, which its TPM opens to its firmware; all of its keys
// come of it. So a change of firmware seals one thing again, and a reset ends
// them together.

// SecretSize is the length of a unit's secret, in bytes.
const SecretSize = 32

func derive(secret []byte, use string) (key [32]byte) {
	b, err := hkdf.Key(sha256.New, secret, nil, use, len(key))
	if err != nil { // cannot be: 32 bytes are asked for
		panic(err)
	}
	copy(key[:], b)
	return key
}

// DiskKey is the key of the unit's data partition.
func DiskKey(secret []byte) [32]byte { return derive(secret, "volar/unit/disk/1") }

// IdentityKey is the unit's private X25519 key.
func IdentityKey(secret []byte) [32]byte { return derive(secret, "volar/unit/identity/1") }

// IdentityOf is the unit's key as firmware uses it.
func IdentityOf(secret []byte) (hal.Identity, error) {
	if len(secret) != SecretSize {
		return nil, fmt.Errorf("provision: secret of %d bytes, want %d", len(secret), SecretSize)
	}
	return NewIdentity(IdentityKey(secret))
}

// NewIdentity takes the private key, which the caller clears.
func NewIdentity(private [32]byte) (hal.Identity, error) {
	k, err := link.NewKey(private)
	if err != nil {
		return nil, errors.New("provision: the unit's key is zero")
	}
	return k, nil
}
