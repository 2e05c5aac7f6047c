package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/swtpm"
	"volar/internal/emulated"
	"volar/wire"
	"volar/wire/link"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is where the programs were built for these tests, if they were.
var built string

// build gives the folder of palmlaunch and palmvault: VOLAR_BIN, or built now.
var build = sync.OnceValues(func() (bin string, err error) {
	if bin = os.Getenv("VOLAR_BIN"); bin != "" {
		return bin, nil
	}
	if built, err = os.MkdirTemp("", "palmlaunch-test"); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", built, "volar/cmd/palmlaunch", "volar/cmd/palmvault")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return built, nil
})

func programs(t testing.TB) string {
	t.Helper()
	emulated.Skip(t)
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// box is a machine: programs, state, configuration, and the host's store.
type box struct {
	t     testing.TB
	bin   string
	dir   string
	facts facts

	mu    sync.Mutex
	blobs map[string][]byte
}

var operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))

func newBox(t testing.TB) *box {
	if err := swtpm.Missing(); err != nil {
		t.Skip(err)
	}
	b := &box{t: t, bin: programs(t), dir: t.TempDir(), blobs: map[string][]byte{}}
	config := fmt.Sprintf("[[tenants]]\nname = \"acme\"\noperator = \"%x\"\n", operator.Public())
	if err := os.WriteFile(b.path("vault.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	b.print()
	b.approve(release)
	b.print("-approval", b.path("approval")) // sets the TPM up
	if !strings.HasPrefix(b.facts.Notice, "UNMEASURED") || b.facts.Key == "" {
		t.Fatalf("palmlaunch -print: %+v", b.facts)
	}
	return b
}

func (b *box) path(name string) string { return filepath.Join(b.dir, name) }

// arguments start the launcher on the box's TPM.
func (b *box) arguments(more ...string) []string {
	return append([]string{filepath.Join(b.bin, "palmlaunch"), "-vault", filepath.Join(b.bin, "palmvault"),
		"-state", b.path("state"), "-tpm", swtpm.Socket(b.path("tpm"))}, more...)
}

// boot is the box's start, with its TPM, up to the launcher.
func (b *box) boot(more ...string) *exec.Cmd {
	argv := swtpm.Machine(b.path("tpm"), b.arguments(more...)...)
	return exec.Command(argv[0], argv[1:]...)
}

// print asks for facts.
func (b *box) print(more ...string) {
	b.t.Helper()
	cmd := b.boot(append([]string{"-print"}, more...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &b.facts)
	}
	if err != nil {
		b.t.Fatalf("palmlaunch -print: %s, %v, %s", out, err, said.Bytes())
	}
}

// approve signs the box's vault with a release key.
func (b *box) approve(key *ecdsa.PrivateKey) {
	b.t.Helper()
	m, err := hex.DecodeString(b.facts.Measurement)
	if err != nil {
		b.t.Fatal(err)
	}
	a, err := tpm.Approve(key, [32]byte(m), [3][32]byte{})
	if err != nil {
		b.t.Fatal(err)
	}
	content, err := a.Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("approval", string(content))
}

var release = func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}()

// running is a started vault.
type running struct {
	box  *box
	cmd  *exec.Cmd
	said *bytes.Buffer
	done chan error

	mu       sync.Mutex
	sessions net.Conn
	devices  map[uint64]net.Conn
	next     uint64
}

// start runs palmlaunch with the host's two links.
func (b *box) start() *running {
	b.t.Helper()
	return b.run(b.boot("-config", b.path("vault.toml"), "-approval", b.path("approval")))
}

func (b *box) run(cmd *exec.Cmd) *running {
	b.t.Helper()
	r := &running{box: b, cmd: cmd, said: &bytes.Buffer{}, done: make(chan error, 1), devices: map[uint64]net.Conn{}}
	r.cmd.Stderr = r.said
	sessions, theirs := socketpair(b.t)
	blobs, theirBlobs := socketpair(b.t)
	r.sessions = sessions
	r.cmd.ExtraFiles = []*os.File{theirs, theirBlobs}
	if err := r.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	theirs.Close()
	theirBlobs.Close()
	go func() { r.done <- r.cmd.Wait() }()
	go b.store(blobs)
	go r.carry()
	b.t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

// stop closes the links, as a host that ends does, and returns what was said.
func (r *running) stop() string {
	r.box.t.Helper()
	r.sessions.Close()
	select {
	case err := <-r.done:
		if err != nil {
			r.box.t.Errorf("the vault ended with %v: %s", err, r.said)
		}
	case <-time.After(20 * time.Second):
		r.box.t.Fatal("the vault does not end with its host")
	}
	return r.said.String()
}

func socketpair(t testing.TB) (net.Conn, *os.File) {
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

// store answers the vault's requests from the box's memory.
func (b *box) store(c net.Conn) {
	defer c.Close()
	for {
		frame, err := wire.ReadFrame32(c, wire.MaxFrame32)
		if err != nil {
			return
		}
		q, err := wire.DecodeBlobRequest(frame)
		if err != nil {
			b.t.Errorf("the vault asked: %v", err)
			return
		}
		reply, err := wire.EncodeBlobReply(b.answer(q))
		if err != nil || wire.WriteFrame32(c, reply) != nil {
			return
		}
	}
}

func (b *box) answer(q wire.BlobRequest) wire.BlobReply {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := wire.BlobReply{ID: q.ID}
	switch q.Op {
	case wire.BlobGet:
		r.Value, r.Found = b.blobs[q.Key]
	case wire.BlobList:
		var first string
		for k := range b.blobs {
			if strings.HasPrefix(k, q.Prefix) && k > q.After && (first == "" || k < first) {
				first = k
			}
		}
		if first != "" { // one at a time
			r.Keys, r.More = []string{first}, true
		}
	case wire.BlobApply:
		for _, p := range q.Puts {
			b.blobs[p.Key] = p.Value
		}
		for _, k := range q.Deletes {
			delete(b.blobs, k)
		}
	}
	return r
}

// carry gives what the vault sends to the devices that it is for.
func (r *running) carry() {
	defer func() { // the vault is gone, and every connection with it
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, device := range r.devices {
			device.Close()
		}
	}()
	for {
		b, err := wire.ReadFrame32(r.sessions, wire.MaxEnvelope)
		if err != nil {
			return
		}
		e, err := wire.DecodeEnvelope(b)
		if err != nil {
			r.box.t.Errorf("the vault sent: %v", err)
			return
		}
		r.mu.Lock()
		device := r.devices[e.Session]
		r.mu.Unlock()
		if device == nil {
			r.box.t.Errorf("the vault speaks to session %d, which nobody opened", e.Session)
			return
		}
		if e.Kind == wire.Close {
			device.Close()
			continue
		}
		_ = wire.WriteFrame16(device, e.Payload)
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

// dial is a device's session with the vault.
func (r *running) dial() (*link.Session, error) {
	near, far := net.Pipe()
	r.mu.Lock()
	r.next++
	id := r.next
	r.devices[id] = far
	r.mu.Unlock()
	if err := r.send(wire.Envelope{Session: id, Kind: wire.Open}); err != nil {
		return nil, err
	}
	go func() {
		for {
			frame, err := wire.ReadFrame16(far)
			if err != nil || r.send(wire.Envelope{Session: id, Kind: wire.Data, Payload: frame}) != nil {
				return
			}
		}
	}()
	return link.Dial(context.Background(), near, r.box.device())
}

// vaultPID finds the launcher's child.
func (r *running) vaultPID() int {
	r.box.t.Helper()
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range all {
		b, _ := os.ReadFile(name)
		var pid, parent int
		var state string
		if _, rest, ok := strings.Cut(string(b), ") "); ok {
			_, _ = fmt.Sscan(rest, &state, &parent)
			_, _ = fmt.Sscan(string(b), &pid)
		}
		if parent == r.cmd.Process.Pid && !strings.Contains(string(b), "(swtpm)") {
			return pid
		}
	}
	r.box.t.Fatalf("the launcher has no child; the vault said: %s", r.said)
	return 0
}
