// Package link is the sealed session between a device and a vault:
// Noise_XK_25519_ChaChaPoly_SHA256 after the vault's evidence, then messages
// in chunks. ../README.md is the specification.
//
// The device's side is Dial and Session. The vault's side is Responder,
// which is frames in and frames out and knows no network. Every error is
// final: a session that has seen one answers nothing any more.
package link

import (
	"errors"
	"time"

	"volar/wire"
)

// A session's limits. The device shakes hands again, on the same connection,
// before a call when RenewAfter or RenewBytes has passed; both sides stop for
// good at StopAfter and StopBytes. Bytes count the plaintext of both directions.
const (
	HandshakeLimit = 30 * time.Second // from Hello to the third handshake message
	RenewAfter     = 120 * time.Second
	StopAfter      = 180 * time.Second
	RenewBytes     = 512 << 20
	StopBytes      = 1 << 30
)

// MaxEvidence is the longest evidence, in bytes.
const MaxEvidence = 32 << 10

// What can be wrong with a session.
var (
	ErrClosed    = errors.New("the session is closed")
	ErrExpired   = errors.New("the session has lived too long")
	ErrFrame     = errors.New("frame refused")     // malformed, out of turn, or not from the peer
	ErrHandshake = errors.New("handshake refused") // wrong key, evidence or credential
)

// The first byte of every frame.
const (
	frameHello    byte = 1 + iota // device: a wire.Hello, in the clear
	frameEvidence                 // vault: evidence, in the clear
	frameFirst                    // device: XK -> e, es
	frameSecond                   // vault:  XK <- e, ee
	frameThird                    // device: XK -> s, se, with the credential
	frameUp                       // device: a chunk of a message
	frameDown                     // vault:  a chunk of a message
)

const (
	keySize = 32
	tagSize = 16

	firstSize  = 1 + keySize + tagSize           // no payload
	secondSize = 1 + keySize + tagSize           // no payload
	thirdLeast = 1 + keySize + tagSize + tagSize // and the credential
	thirdMost  = thirdLeast + wire.MaxCredential
)

// lifetime counts how long and how much one set of keys has been used.
type lifetime struct {
	begun time.Time
	bytes uint64
}

// mayRenew keeps a device, or whoever injects a Hello, from making the vault
// produce evidence all the time.
func (l *lifetime) mayRenew() bool {
	return time.Since(l.begun) >= RenewAfter/2 || l.bytes >= RenewBytes/2
}

func (l *lifetime) mustRenew() bool {
	return time.Since(l.begun) >= RenewAfter || l.bytes >= RenewBytes
}

func (l *lifetime) over() bool {
	return time.Since(l.begun) >= StopAfter || l.bytes >= StopBytes
}
