package link

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net"
	"testing"

	"volar/wire"
)

// foreign is one side of a session written from ../README.md and peer alone,
// with that page's numbers instead of this package's names.
type foreign struct {
	*peer
	up, down  *peerCipher
	hash      []byte
	sent, got uint64
}

const suiteName = "Noise_XK_25519_ChaChaPoly_SHA256"

func newForeign(initiator bool, s *ecdh.PrivateKey, rs *ecdh.PublicKey, h wire.Hello, evidence, previous []byte) *foreign {
	digest := sha256.Sum256(evidence)
	p := append([]byte{1, byte(len(h.Tenant))}, h.Tenant...)
	p = append(append(append(p, h.Nonce[:]...), digest[:]...), previous...)
	return &foreign{peer: newPeer(suiteName, initiator, s, rs, p)}
}

func (f *foreign) finish() {
	f.up, f.down = f.split()
	f.hash = f.h
}

func (f *foreign) ad(kind byte, message uint64, chunk, total uint32, final byte) []byte {
	b := append([]byte{kind}, f.hash...)
	b = binary.BigEndian.AppendUint64(b, message)
	b = binary.BigEndian.AppendUint32(b, chunk)
	b = binary.BigEndian.AppendUint32(b, total)
	return append(b, final)
}

// chunks seals a message, as an honest sender does.
func (f *foreign) chunks(kind byte, c *peerCipher, plain []byte) [][]byte {
	var frames [][]byte
	total := uint32(len(plain))
	for i := uint32(0); len(plain) > 0; i++ {
		n, final := min(len(plain), 65513), byte(0)
		if n == len(plain) {
			final = 1
		}
		frame := binary.BigEndian.AppendUint32([]byte{kind, final}, total)
		frames = append(frames, append(frame, c.seal(f.ad(kind, f.sent, i, total, final), plain[:n])...))
		plain = plain[n:]
	}
	c.rekey()
	f.sent++
	return frames
}

func (f *foreign) openOne(kind byte, c *peerCipher, frame []byte) ([]byte, error) {
	if len(frame) < 6 || frame[0] != kind || frame[1] != 1 {
		return nil, errors.New("foreign: not one whole message")
	}
	plain, err := c.open(f.ad(kind, f.got, 0, binary.BigEndian.Uint32(frame[2:]), 1), frame[6:])
	c.rekey()
	f.got++
	return plain, err
}

func foreignKey() *ecdh.PrivateKey {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// foreignDevice shakes hands with a responder. The device's key is foreign's own.
func (w *world) foreignDevice(t testing.TB, r *Responder, s *ecdh.PrivateKey) *foreign {
	t.Helper()
	hello := wire.Hello{Tenant: tenant, Nonce: [32]byte{5}}
	b, _ := wire.EncodeHello(hello)
	evidence, _, err := r.Receive(context.Background(), append([]byte{1}, b...))
	if err != nil || evidence[0] != 2 {
		t.Fatal(err)
	}
	vault, _ := ecdh.X25519().NewPublicKey(evidence[1:33])
	f := newForeign(true, s, vault, hello, evidence[1:], make([]byte, 32))
	second, _, err := r.Receive(context.Background(), append([]byte{3}, f.write("e es", nil)...))
	if err != nil || second[0] != 4 || len(second) != 49 {
		t.Fatalf("%x, %v", second, err)
	}
	if payload, err := f.read("e ee", second[1:]); err != nil || len(payload) != 0 {
		t.Fatalf("%x, %v", payload, err)
	}
	credential, err := wire.SignCredential(wire.Credential{Tenant: tenant, Device: [32]byte(s.PublicKey().Bytes()), NotAfter: 1 << 40}, w.operator)
	if err != nil {
		t.Fatal(err)
	}
	third := append([]byte{5}, f.write("s se", credential)...)
	if reply, m, err := r.Receive(context.Background(), third); reply != nil || m != nil || err != nil {
		t.Fatal(reply, m, err)
	}
	f.finish()
	return f
}

// A device written from the specification is understood by our vault.
func TestForeignDevice(t *testing.T) {
	w := newWorld(t)
	v := &vaultSide{Responder: w.responder(t)}
	f := w.foreignDevice(t, v.Responder, foreignKey())
	for range 3 {
		for _, m := range []wire.Message{wire.Begin{Purpose: wire.Identify}, sample(700)} {
			plain, _ := wire.Encode(m)
			var reply []byte
			for _, frame := range f.chunks(6, f.up, plain) {
				if reply != nil {
					t.Fatal("a reply before the last chunk")
				}
				var err error
				if reply, err = v.handle(frame); err != nil {
					t.Fatal(err)
				}
			}
			answer, err := f.openOne(7, f.down, reply)
			want, _ := wire.Encode(answerTo(m))
			if err != nil || !bytes.Equal(answer, want) {
				t.Fatalf("%x, %v", answer, err)
			}
		}
	}
	if len(v.accepted) != 6 || v.DeviceKey() != [32]byte(f.s.PublicKey().Bytes()) {
		t.Errorf("%q", v.accepted)
	}
}

// Our device is understood by a vault written from the specification.
func TestForeignVault(t *testing.T) {
	w := newWorld(t)
	static := foreignKey()
	evidence := []byte("evidence")
	near, far := net.Pipe()
	done := make(chan error, 1)
	read := func(kind byte) []byte {
		b, err := wire.ReadFrame16(far)
		if err != nil || b[0] != kind {
			t.Errorf("frame %x, %v; want type %d", b[:min(len(b), 8)], err, kind)
			return nil
		}
		return b[1:]
	}
	go func() {
		defer far.Close()
		hello, err := wire.DecodeHello(read(1))
		if err != nil {
			done <- err
			return
		}
		wire.WriteFrame16(far, append([]byte{2}, evidence...))
		f := newForeign(false, static, nil, hello, evidence, make([]byte, 32))
		if _, err = f.read("e es", read(3)); err == nil {
			wire.WriteFrame16(far, append([]byte{4}, f.write("e ee", nil)...))
			var credential []byte
			if credential, err = f.read("s se", read(5)); !bytes.Equal(credential, w.credential) {
				err = errors.Join(err, errors.New("another credential"))
			}
		}
		f.finish()
		for range 2 {
			b, _ := wire.ReadFrame16(far)
			plain, e := f.openOne(6, f.up, b)
			want, _ := wire.Encode(wire.Begin{Purpose: wire.Enrol})
			if !bytes.Equal(plain, want) {
				err = errors.Join(err, e, errors.New("another message"))
			}
			answer, _ := wire.Encode(wire.Challenge{Nonce: wire.Nonce{9}})
			wire.WriteFrame16(far, f.chunks(7, f.down, answer)[0])
		}
		done <- err
	}()
	cfg := w.client()
	cfg.Verify = func([]byte, [32]byte) ([32]byte, error) { return [32]byte(static.PublicKey().Bytes()), nil }
	s, err := Dial(t.Context(), near, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m, err := s.Call(t.Context(), wire.Begin{Purpose: wire.Enrol}); err != nil || m != answerTo(wire.Begin{}) {
			t.Error(m, err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
