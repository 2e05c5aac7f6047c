package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"volar/wire"
)

const tenant = "acme"

// world is everything two honest sides need.
type world struct {
	operator   ed25519.PrivateKey
	vault      *Key
	device     *Key
	credential []byte
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{operator: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), vault: newTestKey(t), device: newTestKey(t)}
	var err error
	w.credential, err = wire.SignCredential(wire.Credential{Tenant: tenant, Device: w.device.Public(), NotAfter: 1 << 40}, w.operator)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newTestKey(t testing.TB) *Key {
	t.Helper()
	k, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// evidence stands for attestation: the vault's key and the nonce. Real
// evidence is signed; here the host is trusted with it except where a test says so.
func (w *world) evidence(_ context.Context, h wire.Hello) ([]byte, error) {
	key := w.vault.Public()
	return append(key[:], h.Nonce[:]...), nil
}

func (w *world) verify(evidence []byte, nonce [32]byte) ([32]byte, error) {
	want := w.vault.Public()
	if !bytes.Equal(evidence, append(want[:], nonce[:]...)) {
		return [32]byte{}, errors.New("evidence of something else")
	}
	return want, nil
}

func (w *world) client() ClientConfig {
	return ClientConfig{Tenant: tenant, Static: w.device, Credential: w.credential, Verify: w.verify}
}

func (w *world) server() ServerConfig {
	return ServerConfig{Key: w.vault, Evidence: w.evidence,
		Authorise: func(h wire.Hello, device [32]byte, credential []byte) error {
			return CheckCredential(h, device, credential, w.operator.Public().(ed25519.PublicKey), time.Now())
		}}
}

func (w *world) responder(t testing.TB) *Responder {
	t.Helper()
	r, err := NewResponder(w.server())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// vaultSide answers every message of a responder and remembers them.
type vaultSide struct {
	*Responder
	accepted []string
}

func answerTo(m wire.Message) wire.Message {
	if _, ok := m.(wire.Begin); ok {
		return wire.Challenge{Nonce: wire.Nonce{9}}
	}
	return wire.Answer{Status: wire.Accepted, Person: wire.Person{3}}
}

// name is short, and tells messages apart.
func name(m wire.Message) string {
	switch m := m.(type) {
	case wire.Begin:
		return fmt.Sprintf("begin %v %x", m.Purpose, m.Person[0])
	case wire.Sample:
		return fmt.Sprintf("sample %d %x %x", m.Distance, m.Nonce[0], m.Views[0].Pix[0])
	}
	return fmt.Sprintf("%T", m)
}

// handle is one frame in, at most one out.
func (v *vaultSide) handle(frame []byte) (reply []byte, err error) {
	reply, m, err := v.Receive(context.Background(), frame)
	if err != nil || m == nil {
		return reply, err
	}
	v.accepted = append(v.accepted, name(m))
	return v.Reply(answerTo(m))
}

// serve runs the vault's side over a connection until an error.
func (v *vaultSide) serve(conn net.Conn) error {
	defer conn.Close()
	for {
		frame, err := wire.ReadFrame16(conn)
		if err != nil {
			return err
		}
		reply, err := v.handle(frame)
		if err != nil {
			return err
		}
		if reply == nil {
			continue
		}
		if err := wire.WriteFrame16(conn, reply); err != nil {
			return err
		}
	}
}

// connect is a session with an honest vault behind a pipe.
func (w *world) connect(t testing.TB) (*Session, *vaultSide) {
	t.Helper()
	near, far := net.Pipe()
	v := &vaultSide{Responder: w.responder(t)}
	go v.serve(far)
	s, err := Dial(t.Context(), near, w.client())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, v
}

// sample is the largest message: two chunks.
func sample(distance uint16) wire.Sample {
	view := func(b wire.Band) wire.View {
		return wire.View{Band: b, Pix: bytes.Repeat([]byte{0xa5}, wire.Side*wire.Side*b.Channels()), Mask: make([]byte, wire.MaskBytes)}
	}
	return wire.Sample{Nonce: wire.Nonce{9}, Hand: wire.Left, Distance: distance, Quality: 50, Views: []wire.View{view(wire.RGB), view(wire.NIR)}, Proof: wire.NewProof()}
}
