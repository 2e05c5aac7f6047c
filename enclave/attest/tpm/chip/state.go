package chip

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"volar/enclave/attest/tpm"
	"volar/wire/canonical"
)

// MaxState bounds the encoded state, in bytes.
const MaxState = 4 << 10

const maxPart = 1 << 10

// ErrState means that bytes are no state of a platform.
var ErrState = errors.New("not the state of a platform on a TPM")

// State is what a platform keeps outside of its chip: public things, and
// secrets that only the chip can open. Who changes it gets a platform that
// does not start; who loses it has lost the platform.
type State struct {
	Release tpm.PublicKey // the release key that secrets are sealed to
	Storage []byte        // TPMT_PUBLIC of the storage key
	Key     Object        // the attestation key
	Seed    Object        // the sealed seed
}

// Object is a thing that the chip made and gave out: TPM2B_PUBLIC and
// TPM2B_PRIVATE, each without its length.
type Object struct {
	_               struct{} `cbor:",toarray"`
	Public, Private []byte
}

type stateForm struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8
	Release   tpm.PublicKey
	Storage   []byte
	Key, Seed Object
}

var codec = canonical.New(4, 16)

// Marshal is the state's encoding.
func (s State) Marshal() ([]byte, error) {
	return codec.Marshal(stateForm{Version: 1, Release: s.Release, Storage: s.Storage, Key: s.Key, Seed: s.Seed})
}

// ParseState reads what Marshal wrote, and nothing else.
func ParseState(b []byte) (State, error) {
	if len(b) > MaxState {
		return State{}, fmt.Errorf("tpm: state: %w: %d bytes, at most %d", ErrState, len(b), MaxState)
	}
	var f stateForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return State{}, fmt.Errorf("tpm: state: %w: %w", ErrState, err)
	}
	if f.Version != 1 {
		return State{}, fmt.Errorf("tpm: state: %w: version %d, want 1", ErrState, f.Version)
	}
	for _, part := range [][]byte{f.Storage, f.Key.Public, f.Key.Private, f.Seed.Public, f.Seed.Private} {
		if len(part) == 0 || len(part) > maxPart {
			return State{}, fmt.Errorf("tpm: state: %w: part of %d bytes, 1 to %d", ErrState, len(part), maxPart)
		}
	}
	return State{f.Release, f.Storage, f.Key, f.Seed}, nil
}

// storage is the storage key's public area.
func (s State) storage() (*tpm2.TPMTPublic, error) {
	p, err := tpm2.Unmarshal[tpm2.TPMTPublic](s.Storage)
	if err != nil || p.Type != tpm2.TPMAlgECC {
		return nil, fmt.Errorf("tpm: state: %w: storage key", ErrState)
	}
	return p, nil
}

// seed is what all auth values of the platform come from, and the counter's
// value at which epochs begin. It prints as nothing.
type seed struct {
	secret [32]byte
	base   uint64
}

const seedSize = 40

// Format hides the seed from every verb.
func (seed) Format(s fmt.State, _ rune) { fmt.Fprint(s, "tpm seed (secret)") }

func (s seed) bytes() []byte { return binary.BigEndian.AppendUint64(s.secret[:], s.base) }

func parseSeed(b []byte) (s seed, err error) {
	if len(b) != seedSize {
		return s, fmt.Errorf("seed of %d bytes, want %d", len(b), seedSize)
	}
	copy(s.secret[:], b)
	s.base = binary.BigEndian.Uint64(b[32:])
	return s, nil
}

// The four things that have an auth value.
const (
	ownerAuth   = "owner"
	lockoutAuth = "lockout"
	counterAuth = "counter"
	keyAuth     = "attestation key"
)

// auth derives an auth value: 32 bytes, none of them zero. A chip drops zeros
// at an auth value's end, and go-tpm v0.9.8 (hmacKeyFromAuthValue) all that
// follows a zero anywhere.
func (s seed) auth(use string) ([]byte, error) {
	stream, err := hkdf.Expand(sha256.New, s.secret[:], "palm/tpm/v1/"+use, 96)
	if err != nil {
		return nil, err
	}
	auth := make([]byte, 0, 32)
	for _, b := range stream {
		if b != 0 && len(auth) < cap(auth) {
			auth = append(auth, b)
		}
	}
	if len(auth) != cap(auth) {
		return nil, errors.New("a seed of zeros")
	}
	return auth, nil
}

// key is the attestation key's public half.
func (s State) key() (tpm.PublicKey, error) {
	p, err := tpm2.Unmarshal[tpm2.TPMTPublic](s.Key.Public)
	if err != nil {
		return tpm.PublicKey{}, fmt.Errorf("tpm: state: %w: attestation key: %w", ErrState, err)
	}
	point, err := p.Unique.ECC()
	if err != nil || len(point.X.Buffer) != 32 || len(point.Y.Buffer) != 32 {
		return tpm.PublicKey{}, fmt.Errorf("tpm: state: %w: attestation key", ErrState)
	}
	return tpm.PublicKey(append(bytes.Clone(point.X.Buffer), point.Y.Buffer...)), nil
}

// AttestationKey is the name of the platform's attestation key, as policies list it.
func (s State) AttestationKey() ([32]byte, error) {
	k, err := s.key()
	if err != nil {
		return [32]byte{}, err
	}
	public := k.Attestation(s.Release)
	if !bytes.Equal(public, s.Key.Public) {
		return [32]byte{}, fmt.Errorf("tpm: state: %w: attestation key with other attributes", ErrState)
	}
	return public.Name().Hash(), nil
}

// PublicKey is the public half of the platform's attestation key.
func (s State) PublicKey() (tpm.PublicKey, error) { return s.key() }
