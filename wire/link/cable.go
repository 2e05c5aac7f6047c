package link

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/flynn/noise"
)

// MaxCablePayload bounds what the third message of a Cable's handshake
// carries: the bench's ticket.
const MaxCablePayload = 512

// What a bench or a unit does out of turn.
var (
	ErrTurn   = errors.New("link: out of turn")
	ErrReplay = errors.New("link: not the next message of this session")
)

// Cable is one side of a session between a bench and a unit over a line that
// loses, repeats and mixes: Noise_XX_25519_ChaChaPoly_SHA256. The bench begins.
//
//	bench ── e ──▶ unit ── e, ee, s, es ──▶ bench ── s, se, payload ──▶ unit
//
// Neither side knows the other's key before; the bench's payload is the ticket
// that vouches for its key, and the unit's key is proved in the session. After
// that each side numbers its messages from 0, and opens only the next one; who
// carries the messages repeats them until they are answered. A Cable is used
// by one goroutine at a time. Any error of Unseal leaves it as it was: a line
// that flips bits must not end a session.
type Cable struct {
	bench     bool
	handshake *noise.HandshakeState
	turn      int
	peer      [32]byte
	binding   [32]byte
	out, in   *noise.CipherState
	sent, got uint64
}

// NewCable begins a handshake. Both sides must give the same prologue: what
// was said in the clear before.
func NewCable(bench bool, static Static, prologue []byte) (*Cable, error) {
	if static == nil {
		return nil, errors.New("link: new cable: no static key")
	}
	public := static.Public()
	h, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:   noise.NewCipherSuite(dh{static}, noise.CipherChaChaPoly, noise.HashSHA256),
		Pattern:       noise.HandshakeXX,
		Initiator:     bench,
		Prologue:      prologue,
		StaticKeypair: noise.DHKey{Private: callback, Public: public[:]},
	})
	if err != nil {
		return nil, fmt.Errorf("link: new cable: %w", err)
	}
	return &Cable{bench: bench, handshake: h}, nil
}

// mine tells whether the next message of the handshake is this side's.
func (c *Cable) mine() bool { return c.turn < 3 && (c.turn%2 == 0) == c.bench }

// Write gives the next message of the handshake. Only the third, the bench's
// second, may carry a payload: the others are not secret from everybody.
func (c *Cable) Write(payload []byte) ([]byte, error) {
	if !c.mine() || c.handshake == nil || len(payload) > 0 && c.turn != 2 || len(payload) > MaxCablePayload {
		return nil, ErrTurn
	}
	message, a, b, err := c.handshake.WriteMessage(nil, payload)
	if err != nil {
		c.handshake = nil
		return nil, fmt.Errorf("link: cable: message %d: %w", c.turn+1, err)
	}
	c.next(a, b)
	return message, nil
}

// Read takes the peer's next message of the handshake. An error is final.
func (c *Cable) Read(message []byte) (payload []byte, err error) {
	if c.mine() || c.handshake == nil || c.turn > 2 || len(message) > 2*(keySize+tagSize)+MaxCablePayload {
		return nil, ErrTurn
	}
	payload, a, b, err := c.handshake.ReadMessage(nil, message)
	if err == nil && c.turn != 2 && len(payload) > 0 {
		err = errors.New("a payload where none belongs")
	}
	if err != nil {
		c.handshake = nil
		return nil, fmt.Errorf("%w: cable: message %d: %w", ErrHandshake, c.turn+1, err)
	}
	c.next(a, b)
	return payload, nil
}

// next ends one message of the handshake, and the handshake after the third.
func (c *Cable) next(a, b *noise.CipherState) {
	c.turn++
	if a == nil {
		return
	}
	copy(c.peer[:], c.handshake.PeerStatic())
	copy(c.binding[:], c.handshake.ChannelBinding()) // a copy: the slice is live
	c.out, c.in = a, b
	if !c.bench {
		c.out, c.in = b, a
	}
	c.handshake = nil
}

// Ready tells whether the handshake is done.
func (c *Cable) Ready() bool { return c.out != nil }

// Peer is the other side's static key, once the handshake is done.
func (c *Cable) Peer() [32]byte { return c.peer }

// Binding is the hash of the handshake: both sides have the same one, and no
// other session has it.
func (c *Cable) Binding() [32]byte { return c.binding }

// Seal encrypts this side's next message and gives its number.
func (c *Cable) Seal(plain []byte) (number uint64, sealed []byte, err error) {
	if !c.Ready() {
		return 0, nil, ErrTurn
	}
	number = c.sent
	c.out.SetNonce(number)
	sealed, err = c.out.Encrypt(nil, binary.BigEndian.AppendUint64(nil, number), plain)
	if err != nil {
		return 0, nil, fmt.Errorf("link: cable: seal: %w", err)
	}
	c.sent++
	return number, sealed, nil
}

// Unseal opens the peer's next message. Any other number is ErrReplay; the
// caller clears the plaintext.
func (c *Cable) Unseal(number uint64, sealed []byte) ([]byte, error) {
	if !c.Ready() {
		return nil, ErrTurn
	}
	if number != c.got {
		return nil, fmt.Errorf("%w: number %d, next is %d", ErrReplay, number, c.got)
	}
	c.in.SetNonce(number)
	plain, err := c.in.Decrypt(nil, binary.BigEndian.AppendUint64(nil, number), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: cable: message %d: %w", ErrFrame, number, err)
	}
	c.got++
	return plain, nil
}
