// Package broker carries a platform's few operations over one pipe: from the
// launcher, which holds the platform, to the vault, which has no files, no
// devices and no other way to reach it.
//
// One request, one reply, in turn. Frames are those of wire (32 bits of
// length), bodies are CBOR arrays: a request is [version, op, epoch, data], a
// reply is [version, error, epoch, data].
package broker

import (
	"context"
	"errors"
	"fmt"

	"volar/enclave/attest"
	"volar/wire/canonical"
)

// Platform is what a machine offers to the one vault that it measured. On a
// TPM these are PCR 12, quotes, an NV counter, and secrets under PolicyPCR
// AND PolicyNV; other machines have their own.
type Platform interface {
	attest.Attester

	// Bind says which Noise key is the vault's and that nothing more will be
	// measured (events K and CAP). It works once for each start of the vault.
	Bind(ctx context.Context, vaultKey [32]byte) error

	// Epoch is the value of the counter that only goes up; 0 at first.
	Epoch(ctx context.Context) (uint64, error)
	// Seal encrypts a secret of at most MaxSecret bytes so that it opens
	// only on this platform and while the counter stands at epoch.
	Seal(ctx context.Context, epoch uint64, secret []byte) ([]byte, error)
	// Unseal opens a sealed secret of the epoch at which the counter stands,
	// and only before Bind.
	Unseal(ctx context.Context, epoch uint64, sealed []byte) ([]byte, error)
	// Commit moves the counter from epoch-1 to epoch. After an error the
	// caller asks Epoch whether it moved.
	Commit(ctx context.Context, epoch uint64) error
}

// Limits, in bytes.
const (
	MaxSecret = 1 << 10
	MaxSealed = 4 << 10
	maxFrame  = attest.MaxEvidence + 1024
	maxErr    = 256
)

// ErrRefused wraps what the platform said when it refused.
var ErrRefused = errors.New("the platform refused")

// errMalformed is for bytes that are no message of this version.
var errMalformed = errors.New("malformed message")

const version = 1

// op is what is asked for. The zero op is invalid.
type op uint8

const (
	opBind     op = 1 + iota // data: the key
	opEvidence               // data: the report data; reply: the evidence, encoded
	opEpoch                  // reply: the epoch
	opSeal                   // epoch, data: the secret; reply: the sealed secret
	opUnseal                 // epoch, data: the sealed secret; reply: the secret
	opCommit                 // epoch
)

var opNames = [...]string{"no op", "bind", "evidence", "epoch", "seal", "unseal", "commit"}

// String names the operation.
func (o op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return opNames[0]
}

type request struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Op      op
	Epoch   uint64
	Data    []byte
}

type reply struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Err     string // empty: done
	Epoch   uint64
	Data    []byte
}

func (r request) check() error {
	least, most := 0, 0
	switch r.Op {
	case opBind:
		least, most = 32, 32
	case opEvidence:
		least, most = 64, 64
	case opSeal:
		least, most = 1, MaxSecret
	case opUnseal:
		least, most = 1, MaxSealed
	case opEpoch, opCommit:
	default:
		return fmt.Errorf("%w: op %d", errMalformed, r.Op)
	}
	if len(r.Data) < least || len(r.Data) > most {
		return fmt.Errorf("%w: %v with %d bytes, want %d to %d", errMalformed, r.Op, len(r.Data), least, most)
	}
	return nil
}

func (r reply) check() error {
	if len(r.Err) > maxErr || r.Err != "" && len(r.Data) > 0 {
		return fmt.Errorf("%w: reply with an error of %d bytes and %d bytes of data", errMalformed, len(r.Err), len(r.Data))
	}
	return nil
}

// message is a request or a reply.
type message interface {
	request | reply
	check() error
}

func encode[M message](m M) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return codec.Marshal(m)
}

// decode takes what encode gives and nothing else.
func decode[M message](b []byte) (M, error) {
	var m, none M
	// An array of four whose first element is this version: 84 01.
	if len(b) < 2 || b[0] != 0x84 || b[1] != version {
		return none, fmt.Errorf("%w: not an array of version %d", errMalformed, version)
	}
	if err := codec.Unmarshal(b, &m); err != nil {
		return none, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, m.check()
}

var codec = canonical.New(4, 16)
