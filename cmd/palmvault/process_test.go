package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"volar/enclave/attest/broker"
	"volar/enclave/attest/simulated"
	"volar/internal/emulated"
	"volar/liveness/living"
	"volar/wire"
	"volar/wire/link"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == peekMark {
		os.Exit(peekMain(os.Args[2:]))
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is where the program was built for these tests, if it was.
var built string

// program is palmvault: of VOLAR_BIN, or built now as releases are.
var program = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("VOLAR_BIN"); bin != "" {
		return filepath.Join(bin, "palmvault"), nil
	}
	dir, err := os.MkdirTemp("", "palmvault-test")
	if err != nil {
		return "", err
	}
	built = dir
	name := filepath.Join(dir, "palmvault")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", name, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=runtimesecret")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return name, nil
})

func vaultProgram(t *testing.T) string {
	t.Helper()
	emulated.Skip(t)
	name, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

var operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))

// notary is a platform that remembers every secret that passed through it.
type notary struct {
	broker.Platform
	mu      sync.Mutex
	secrets [][]byte
}

func (n *notary) note(secret []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.secrets = append(n.secrets, bytes.Clone(secret))
}

func (n *notary) Seal(ctx context.Context, epoch uint64, secret []byte) ([]byte, error) {
	n.note(secret)
	return n.Platform.Seal(ctx, epoch, secret)
}

func (n *notary) Unseal(ctx context.Context, epoch uint64, sealed []byte) ([]byte, error) {
	secret, err := n.Platform.Unseal(ctx, epoch, sealed)
	n.note(secret)
	return secret, err
}

// running is palmvault as a process, with this test for launcher and host.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	said     *bytes.Buffer
	done     chan error
	platform *notary
	sessions net.Conn
	vaultKey [32]byte

	mu      sync.Mutex
	devices map[uint64]net.Conn
	blobs   map[string][]byte
}

// start runs the vault. wrap, if any, is put in front of the command.
func start(t *testing.T, wrap ...string) *running {
	t.Helper()
	name := vaultProgram(t)
	p, err := simulated.New(simulated.Config{Key: operator, Sealing: [32]byte{4}, Measurement: [32]byte{5}, Persist: func(uint64) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, said: &bytes.Buffer{}, done: make(chan error, 1), platform: &notary{Platform: p},
		devices: map[uint64]net.Conn{}, blobs: map[string][]byte{}}
	sessions, theirs := socketpair(t)
	blobs, theirBlobs := socketpair(t)
	platform, theirPlatform := socketpair(t)
	config, err := os.CreateTemp(t.TempDir(), "config")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(config, "[[tenants]]\nname = \"acme\"\noperator = \"%x\"\n", operator.Public())
	if _, err := config.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	argv := append(wrap, name)
	r.cmd = exec.Command(argv[0], argv[1:]...)
	r.cmd.Env = []string{"GOTRACEBACK=none"}
	r.cmd.Stderr, r.cmd.Dir = r.said, t.TempDir()
	r.cmd.ExtraFiles = []*os.File{theirs, theirBlobs, theirPlatform, config}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range r.cmd.ExtraFiles {
		f.Close()
	}
	r.sessions = sessions
	go func() { r.done <- r.cmd.Wait() }()
	go func() { _ = broker.Serve(context.Background(), platform, r.platform) }()
	go r.store(blobs)
	go r.carry()
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

func socketpair(t *testing.T) (net.Conn, *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	near := os.NewFile(uintptr(fds[0]), "near")
	defer near.Close()
	c, err := net.FileConn(near)
	if err != nil {
		t.Fatal(err)
	}
	return c, os.NewFile(uintptr(fds[1]), "far")
}

func (r *running) store(c net.Conn) {
	for {
		frame, err := wire.ReadFrame32(c, wire.MaxFrame32)
		if err != nil {
			return
		}
		q, err := wire.DecodeBlobRequest(frame)
		if err != nil {
			return
		}
		a := wire.BlobReply{ID: q.ID}
		r.mu.Lock()
		switch q.Op {
		case wire.BlobGet:
			a.Value, a.Found = r.blobs[q.Key]
		case wire.BlobList:
			for _, k := range slices.Sorted(maps.Keys(r.blobs)) {
				if strings.HasPrefix(k, q.Prefix) && k > q.After {
					a.Keys = append(a.Keys, k)
				}
			}
		case wire.BlobApply:
			for _, p := range q.Puts {
				r.blobs[p.Key] = p.Value
			}
			for _, k := range q.Deletes {
				delete(r.blobs, k)
			}
		}
		r.mu.Unlock()
		b, err := wire.EncodeBlobReply(a)
		if err != nil || wire.WriteFrame32(c, b) != nil {
			return
		}
	}
}

// carry gives what the vault sends to the devices that it is for.
func (r *running) carry() {
	for {
		b, err := wire.ReadFrame32(r.sessions, wire.MaxEnvelope)
		if err != nil {
			return
		}
		e, err := wire.DecodeEnvelope(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		device := r.devices[e.Session]
		r.mu.Unlock()
		if device == nil {
			continue
		}
		if e.Kind == wire.Close {
			device.Close()
		} else {
			_ = wire.WriteFrame16(device, e.Payload)
		}
	}
}

func (r *running) send(e wire.Envelope) error {
	b, err := wire.EncodeEnvelope(e)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return wire.WriteFrame32(r.sessions, b)
}

// dial is a device's session with the vault. Whatever key the vault says it
// has is believed: attestation is not what is tried here.
func (r *running) dial() *link.Session {
	r.t.Helper()
	near, far := net.Pipe()
	r.mu.Lock()
	id := uint64(len(r.devices) + 1)
	r.devices[id] = far
	r.mu.Unlock()
	if err := r.send(wire.Envelope{Session: id, Kind: wire.Open}); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		for {
			frame, err := wire.ReadFrame16(far)
			if err != nil || r.send(wire.Envelope{Session: id, Kind: wire.Data, Payload: frame}) != nil {
				return
			}
		}
	}()
	key, err := link.GenerateKey()
	if err != nil {
		r.t.Fatal(err)
	}
	credential, err := wire.SignCredential(wire.Credential{Tenant: "acme", Device: key.Public(), NotAfter: time.Now().Add(time.Hour).Unix()}, operator)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := link.Dial(context.Background(), near, link.ClientConfig{Tenant: "acme", Static: key, Credential: credential,
		Verify: func(evidence []byte, _ [32]byte) ([32]byte, error) {
			k, err := vaultKey(evidence)
			r.vaultKey = k
			return k, err
		}})
	if err != nil {
		r.t.Fatalf("%v; the vault said: %s", err, r.said)
	}
	return s
}

// wave shows a palm.
func (r *running) wave(s *link.Session, p wire.Purpose, who wire.Person, hand wire.Hand, palm byte) (wire.Answer, error) {
	m, err := s.Call(context.Background(), wire.Begin{Purpose: p, Person: who})
	if err != nil {
		return wire.Answer{}, err
	}
	n := m.(wire.Challenge).Nonce
	m, err = s.Call(context.Background(), living.Sample(n, hand, uint64(palm*2+byte(hand)), uint64(n[0])))
	if err != nil {
		return wire.Answer{}, err
	}
	return m.(wire.Answer), nil
}

// enrol enrols a person with both hands.
func (r *running) enrol(s *link.Session, palm byte) (wire.Person, error) {
	hand := wire.Left
	for range 6 {
		a, err := r.wave(s, wire.Enrol, wire.Person{}, hand, palm)
		switch {
		case err != nil:
			return wire.Person{}, err
		case a.Status == wire.Accepted:
			return a.Person, nil
		case a.Status != wire.More:
			return wire.Person{}, fmt.Errorf("enrolment: %v", a.Status)
		}
		hand = a.Hand
	}
	return wire.Person{}, errors.New("an enrolment without end")
}

// soak does everything that a vault does, some times over.
func (r *running) soak(rounds int) {
	r.t.Helper()
	for i := range rounds {
		s := r.dial()
		who, err := r.enrol(s, byte(i))
		if err != nil {
			r.t.Fatalf("%v; the vault said: %s", err, r.said)
		}
		for _, p := range []wire.Purpose{wire.Identify, wire.Verify, wire.Update, wire.Delete} {
			id := who
			if p == wire.Identify {
				id = wire.Person{}
			}
			if a, err := r.wave(s, p, id, wire.Left, byte(i)); err != nil || a.Status != wire.Accepted {
				r.t.Fatalf("%v: %v, %v; the vault said: %s", p, a.Status, err, r.said)
			}
		}
		s.Close()
	}
}

// stop closes the link, as a host that ends does.
func (r *running) stop() {
	r.t.Helper()
	r.sessions.Close()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("the vault ended with %v: %s", err, r.said)
		}
	case <-time.After(30 * time.Second):
		r.t.Fatal("the vault does not end with its host")
	}
}
