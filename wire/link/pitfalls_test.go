package link

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flynn/noise"

	"volar/wire"
)

// What the Noise library leaves to its caller, one test each: first that the library
// still behaves so, then that a session does not. Where the first part fails, the
// library has changed and the guard may go.

var plainSuite = noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256)

func start(t *testing.T, c noise.Config) *noise.HandshakeState {
	t.Helper()
	c.CipherSuite = plainSuite
	h, err := noise.NewHandshakeState(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// nn does a whole handshake without keys and gives a pair of ciphers, sender first.
func nn(t *testing.T) (send, recv *noise.CipherState) {
	t.Helper()
	i, r := start(t, noise.Config{Pattern: noise.HandshakeNN, Initiator: true}), start(t, noise.Config{Pattern: noise.HandshakeNN})
	handshake(i, r, 0, nil)
	_, _, done, err := handshake(r, i, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return done.out[0], done.in[0]
}

// A reader whose psk was never set reads a psk message made with an empty
// psk. So no session may ever ask for a psk without setting one: ours never asks.
func TestPitfallUnsetPSK(t *testing.T) {
	static := foreignKey()
	victim := start(t, noise.Config{Pattern: noise.HandshakeXK, PresharedKeyPlacement: 3,
		StaticKeypair: noise.DHKey{Private: static.Bytes(), Public: static.PublicKey().Bytes()}})
	p := newPeer("Noise_XKpsk3_25519_ChaChaPoly_SHA256", true, foreignKey(), static.PublicKey(), nil)
	if _, _, _, err := victim.ReadMessage(nil, p.write("e es", nil)); err != nil {
		t.Fatal(err)
	}
	second, _, _, err := victim.WriteMessage(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.read("e ee", second); err != nil {
		t.Fatal(err)
	}
	if _, done, _, err := victim.ReadMessage(nil, p.write("s se psk", nil)); err != nil || done == nil {
		t.Errorf("an unset psk is refused now (%v): the library has changed", err)
	}

	sources, err := filepath.Glob("*.go")
	if err != nil || len(sources) < 5 {
		t.Fatal(sources, err)
	}
	for _, path := range sources {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(path, "_test.go") && (bytes.Contains(b, []byte("PresharedKey")) || bytes.Contains(b, []byte("UnsafeKey"))) {
			t.Errorf("%s uses a psk or an exported key", path)
		}
	}
}

// After one corrupt last message the genuine one is refused too, since the
// library's roll-back restores half of its state. So an error is final.
func TestPitfallCorruptIsFinal(t *testing.T) {
	w := newWorld(t)
	for _, index := range []int{1, 2} { // the first and the third message
		r := w.responder(t)
		device := newDeviceFrames(t, w, r)
		for range index {
			device.step(t)
		}
		if _, _, err := r.Receive(t.Context(), flipped(device.frame, len(device.frame)*8-1)); !errors.Is(err, ErrHandshake) {
			t.Errorf("frame %d: a corrupt one: %v", index, err)
		}
		if _, _, err := r.Receive(t.Context(), device.frame); !errors.Is(err, ErrClosed) {
			t.Errorf("frame %d: the genuine one after a corrupt one: %v", index, err)
		}
	}
}

// Nothing in the library enforces Noise's 65,535 bytes.
func TestPitfallNoLengthLimit(t *testing.T) {
	send, recv := nn(t)
	ct, _ := send.Encrypt(nil, nil, make([]byte, 1<<20))
	if pt, err := recv.Decrypt(nil, nil, ct); err != nil || len(pt) != 1<<20 {
		t.Error("a transport message of 1 MiB no longer passes: the library has changed")
	}
	h := start(t, noise.Config{Pattern: noise.HandshakeNN, Initiator: true})
	if m, _, _, err := h.WriteMessage(nil, make([]byte, 65535)); err != nil || len(m) != 65567 {
		t.Errorf("a handshake payload of 65,535 gives %d bytes, %v: the library has changed", len(m), err)
	}

	w := newWorld(t)
	for _, size := range []int{0, 1 << 16, 1 << 20} {
		frame := make([]byte, size)
		if size > 0 {
			frame[0] = frameHello
		}
		if _, _, err := w.responder(t).Receive(t.Context(), frame); !errors.Is(err, ErrFrame) || !strings.Contains(err.Error(), "1 to 65535") {
			t.Errorf("a frame of %d bytes: %v", size, err)
		}
	}
}

// Handshake messages with a payload where none belongs, or too much or none
// of it, from a device that seals them correctly.
func TestHandshakeLengths(t *testing.T) {
	w := newWorld(t)
	hello := wire.Hello{Tenant: tenant, Nonce: [32]byte{5}}
	for name, c := range map[string]struct{ first, third int }{"first": {1, 100}, "third empty": {0, 0}, "third": {0, wire.MaxCredential + 1}} {
		r := w.responder(t)
		b, _ := wire.EncodeHello(hello)
		evidence, _, err := r.Receive(t.Context(), append([]byte{frameHello}, b...))
		if err != nil {
			t.Fatal(err)
		}
		vault, _ := ecdh.X25519().NewPublicKey(evidence[1:33])
		f := newForeign(true, foreignKey(), vault, hello, evidence[1:], make([]byte, 32))
		second, _, err := r.Receive(t.Context(), append([]byte{frameFirst}, f.write("e es", make([]byte, c.first))...))
		if c.first == 0 {
			f.read("e ee", second[1:])
			_, _, err = r.Receive(t.Context(), append([]byte{frameThird}, f.write("s se", make([]byte, c.third))...))
		}
		if !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "message of") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// And from a vault to our device.
func TestHandshakeLengthsOfVault(t *testing.T) {
	w := newWorld(t)
	cfg := w.client()
	cfg.Verify = func([]byte, [32]byte) ([32]byte, error) { return w.vault.Public(), nil }
	for name, frames := range map[string][][]byte{
		"evidence":       {append([]byte{frameEvidence}, make([]byte, MaxEvidence+1)...)},
		"second longer":  {{frameEvidence, 1}, append([]byte{frameSecond}, make([]byte, secondSize)...)},
		"second shorter": {{frameEvidence, 1}, append([]byte{frameSecond}, make([]byte, secondSize-2)...)},
		"second garbage": {{frameEvidence, 1}, append([]byte{frameSecond}, make([]byte, secondSize-1)...)},
		"second first":   {{frameSecond, 1}},
	} {
		near, far := net.Pipe()
		go func() {
			for _, frame := range frames {
				wire.ReadFrame16(far)
				wire.WriteFrame16(far, frame)
			}
		}()
		if _, err := Dial(t.Context(), near, cfg); !errors.Is(err, ErrFrame) && !errors.Is(err, ErrHandshake) {
			t.Errorf("%s: %v", name, err)
		}
		far.Close()
	}
}

// Rekey changes the key and keeps the nonce. The specification says so too,
// and TestForeignDevice would fail otherwise.
func TestPitfallRekeyKeepsNonce(t *testing.T) {
	send, _ := nn(t)
	for range 3 {
		send.Encrypt(nil, nil, nil)
	}
	before := send.UnsafeKey()
	send.Rekey()
	if send.Nonce() != 3 || send.UnsafeKey() == before {
		t.Errorf("nonce %d after 3 messages and a rekey", send.Nonce())
	}
	w := newWorld(t)
	s, v := w.connect(t)
	for i := range uint64(3) {
		up, down := s.up.cipher.UnsafeKey(), s.down.cipher.UnsafeKey()
		if _, err := s.Call(t.Context(), sample(1)); err != nil {
			t.Fatal(err)
		}
		if up == s.up.cipher.UnsafeKey() || down == s.down.cipher.UnsafeKey() {
			t.Error("a key outlived a message")
		}
		if s.up.cipher.UnsafeKey() != v.up.cipher.UnsafeKey() || s.down.cipher.UnsafeKey() != v.down.cipher.UnsafeKey() {
			t.Error("the two sides have different keys")
		}
		if s.up.cipher.Nonce() != 2*(i+1) || s.down.cipher.Nonce() != i+1 {
			t.Errorf("nonces %d, %d after %d calls", s.up.cipher.Nonce(), s.down.cipher.Nonce(), i+1)
		}
	}
}

// ChannelBinding returns the live hash: what is kept of it must be a copy.
func TestPitfallChannelBindingAliases(t *testing.T) {
	i, r := start(t, noise.Config{Pattern: noise.HandshakeNN, Initiator: true}), start(t, noise.Config{Pattern: noise.HandshakeNN})
	handshake(i, r, 0, nil)
	early := r.ChannelBinding()
	was := bytes.Clone(early)
	handshake(r, i, 1, nil)
	if bytes.Equal(early, was) {
		t.Error("the slice stayed as it was: the library has changed")
	}
	s, v := newWorld(t).connect(t)
	if _, err := s.Call(t.Context(), wire.Begin{Purpose: wire.Identify}); err != nil {
		t.Fatal(err)
	}
	if s.binding == [32]byte{} || s.binding != v.binding || s.up.session != s.binding || v.down.session != s.binding {
		t.Error("the two sides have different session names")
	}
}

// The library accepts whatever static key comes; who it is, is for the caller to ask.
func TestPitfallAnyPeer(t *testing.T) {
	w := newWorld(t)
	stranger := newTestKey(t)
	cfg := w.client()
	cfg.Static = stranger // with the device's credential
	near, far := net.Pipe()
	v := &vaultSide{Responder: w.responder(t)}
	done := make(chan error)
	go func() { done <- v.serve(far) }()
	s, err := Dial(t.Context(), near, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "another device") {
		t.Error(err)
	}
	if _, err := s.Call(t.Context(), wire.Begin{Purpose: wire.Identify}); err == nil {
		t.Error("a stranger's call was answered")
	}
	if v.accepted != nil || v.DeviceKey() != [32]byte{} || v.Tenant() != "" {
		t.Errorf("the vault knows %x of %q and got %q", v.DeviceKey(), v.Tenant(), v.accepted)
	}
}
