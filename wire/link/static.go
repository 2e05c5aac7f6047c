package link

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/flynn/noise"
)

// Static is a long-lived X25519 key whose private half need not be readable:
// a chip may hold it. hal.Identity is one.
type Static interface {
	Public() [32]byte
	// ECDH is X25519 (RFC 7748) and refuses an all-zero result.
	ECDH(peer [32]byte) ([32]byte, error)
}

// Key is a Static in memory, for a vault. Printing it cannot show the
// private key: it exists only inside a function.
type Key struct {
	public [32]byte
	ecdh   func(peer [32]byte) ([32]byte, error)
}

var _ Static = (*Key)(nil)

// GenerateKey draws a new key.
func GenerateKey() (*Key, error) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("link: generate key: %w", err)
	}
	return newKey(private), nil
}

// NewKey takes the 32 bytes of a private key (RFC 7748, section 5). The
// caller clears its own copy.
func NewKey(private [32]byte) (*Key, error) {
	if private == [32]byte{} {
		return nil, errors.New("link: new key: the private key is zero")
	}
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		return nil, fmt.Errorf("link: new key: %w", err)
	}
	return newKey(k), nil
}

func newKey(private *ecdh.PrivateKey) *Key {
	return &Key{
		public: [32]byte(private.PublicKey().Bytes()),
		ecdh: func(peer [32]byte) ([32]byte, error) {
			public, err := ecdh.X25519().NewPublicKey(peer[:])
			if err != nil {
				return [32]byte{}, err
			}
			shared, err := private.ECDH(public)
			if err != nil {
				return [32]byte{}, err
			}
			return [32]byte(shared), nil
		},
	}
}

// Public is the public key.
func (k *Key) Public() [32]byte { return k.public }

// ECDH is X25519 with peer's public key; an all-zero result is an error.
func (k *Key) ECDH(peer [32]byte) ([32]byte, error) { return k.ecdh(peer) }

// callback stands where Noise expects the bytes of the static private key.
// Ephemeral private keys have 32 bytes, so they can never be taken for it.
var callback = []byte("static")

// dh is 25519 for Noise, with the static key behind a Static.
type dh struct {
	static Static
}

func (d dh) DHLen() int     { return keySize }
func (d dh) DHName() string { return "25519" }

// GenerateKeypair draws an ephemeral key.
func (d dh) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	return noise.DH25519.GenerateKeypair(random)
}

// DH refuses an all-zero result of either key: a peer that can force it
// (RFC 7748, section 6.1) would know it without having a key.
func (d dh) DH(private, public []byte) ([]byte, error) {
	if string(private) != string(callback) {
		return noise.DH25519.DH(private, public)
	}
	if len(public) != keySize {
		return nil, fmt.Errorf("link: public key of %d bytes, not %d", len(public), keySize)
	}
	shared, err := d.static.ECDH([32]byte(public))
	if err != nil {
		return nil, err
	}
	if shared == [32]byte{} {
		return nil, errors.New("link: the shared secret is zero")
	}
	return shared[:], nil
}

// newHandshake begins an XK handshake. peer is the vault's key and empty on
// the vault's side. No pre-shared key is ever set: this library reads a psk
// message with an empty psk.
func newHandshake(initiator bool, static Static, peer, prologue []byte) (*noise.HandshakeState, error) {
	public := static.Public()
	return noise.NewHandshakeState(noise.Config{
		CipherSuite:   noise.NewCipherSuite(dh{static}, noise.CipherChaChaPoly, noise.HashSHA256),
		Pattern:       noise.HandshakeXK,
		Initiator:     initiator,
		Prologue:      prologue,
		StaticKeypair: noise.DHKey{Private: callback, Public: public[:]},
		PeerStatic:    peer,
	})
}
