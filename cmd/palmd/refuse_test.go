package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/hal"
	"volar/wire"
	"volar/wire/link"
)

var (
	operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	machine  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	program  = [32]byte{3}
)

// lens counts the pictures that are taken.
type lens struct {
	hal.Camera
	shots atomic.Int64
}

func (l *lens) Shoot(ctx context.Context, light hal.Light) (hal.Shot, error) {
	l.shots.Add(1)
	return l.Camera.Shoot(ctx, light)
}

// accept is the policy for the vault of these tests.
func accept() attest.Policy {
	now := time.Now().Unix()
	return attest.Policy{
		Tenant: "acme", Version: 2, NotBefore: now - 60, NotAfter: now + 3600, Floor: 5,
		Vaults:      []attest.Vault{{Measurement: program, Release: 5}},
		Simulated:   &attest.Simulated{Keys: [][32]byte{[32]byte(machine.Public().(ed25519.PublicKey))}},
		Development: true,
	}
}

// vault answers devices on a port of this machine; change spoils its evidence.
func vault(t *testing.T, change func(*attest.Evidence)) string {
	t.Helper()
	key, err := link.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	platform, err := simulated.New(simulated.Config{Key: machine, Sealing: [32]byte{1}, Measurement: program, Persist: func(uint64) error { return nil }})
	if err == nil {
		err = platform.Bind(t.Context(), key.Public())
	}
	if err != nil {
		t.Fatal(err)
	}
	config := link.ServerConfig{
		Key: key,
		Evidence: func(ctx context.Context, h wire.Hello) ([]byte, error) {
			e, err := platform.Evidence(ctx, attest.ReportData(key.Public(), h.Nonce, 9, h.Tenant))
			if err != nil {
				return nil, err
			}
			e.Epoch = 9
			change(&e)
			return e.Marshal()
		},
		Authorise: func(wire.Hello, [32]byte, []byte) error { return nil },
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn, config)
		}
	}()
	return l.Addr().String()
}

// answer serves one connection up to its first message.
func answer(conn net.Conn, config link.ServerConfig) {
	defer conn.Close()
	r, err := link.NewResponder(config)
	for err == nil {
		var frame, reply []byte
		if frame, err = wire.ReadFrame16(conn); err != nil {
			return
		}
		if reply, _, err = r.Receive(context.Background(), frame); err == nil && reply != nil {
			err = wire.WriteFrame16(conn, reply)
		}
	}
}

// outcome is what a device did in the time it was given.
type outcome struct {
	shots       int64
	lines, said string // standard output and the log
}

// runUnit runs palmd with a hand over it until a line has what is awaited.
func runUnit(t *testing.T, host string, policy []byte, seen *attest.Seen, development bool, until string) outcome {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	board, stage, err := open(options{board: "sim", state: path("state"), seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	dev := board.Device()
	if seen != nil {
		b, err := seen.Marshal()
		if err == nil {
			err = dev.Store.Put("vault.seen", b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	eye := &lens{Camera: dev.Camera}
	dev.Camera = eye
	text := "unit = \"u\"\ntenant = \"acme\"\nhost = \"" + host + "\"\ncredential = \"00\"\npolicy = \"policy\"\noperator = \"" +
		hex.EncodeToString(operator.Public().(ed25519.PublicKey)) + "\"\n"
	if development {
		text += "development = true\n"
	}
	script := `{"id":1,"purpose":"identify","person":1,"kind":"genuine"}` + "\n"
	for name, content := range map[string]string{"unit.toml": text, "policy": string(policy), "people.jsonl": script} {
		if err := os.WriteFile(path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := &watcher{until: until, found: cancel}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	_ = serve(ctx, options{config: path("unit.toml"), script: path("people.jsonl"), speed: 0}, board, stage, out, log) // it is interrupted
	return outcome{eye.shots.Load(), out.text.String(), said.String()}
}

// watcher ends a run when a line is what was waited for.
type watcher struct {
	text  strings.Builder
	until string
	found func()
}

func (w *watcher) Write(b []byte) (int, error) {
	w.text.Write(b)
	if strings.Contains(string(b), w.until) {
		w.found()
	}
	return len(b), nil
}

// No picture is taken for a vault that is refused; face and terminal say why.
func TestVaultRefused(t *testing.T) {
	debug, err := os.ReadFile("../../enclave/attest/nitro/testdata/nitro_attestation_debug.bin")
	if err != nil {
		t.Fatal(err)
	}
	honest := func(*attest.Evidence) {}
	for _, c := range []struct {
		reason, cue string
		evidence    func(*attest.Evidence)
		policy      func(*attest.Policy)
		seen        *attest.Seen
	}{
		{"vault-unknown", "vault-unknown", honest, func(p *attest.Policy) { p.Vaults[0].Measurement[0]++ }, nil},
		{"simulated", "vault-open", honest, func(p *attest.Policy) {
			p.Simulated, p.Development = nil, false
			p.TPM = &attest.TPM{Keys: [][32]byte{{1}}, Boot: [][32]byte{{1}}}
		}, nil},
		{"debug", "vault-open", func(e *attest.Evidence) { e.Kind, e.Body = attest.KindNitro, debug }, func(p *attest.Policy) {
			p.Nitro = &attest.Nitro{Images: []attest.NitroImage{{PCR0: [48]byte{1}, PCR1: [48]byte{1}, PCR2: [48]byte{1}}}}
		}, nil},
		{"signature", "vault-unproved", honest, func(p *attest.Policy) { p.Simulated.Keys[0][0]++ }, nil},
		{"binding", "vault-unproved", func(e *attest.Evidence) { e.Epoch++ }, nil, nil},
		{"malformed", "vault-unproved", func(e *attest.Evidence) { e.Body = []byte{1} }, nil, nil},
		{"kind", "vault-unknown", func(e *attest.Evidence) { e.Kind = "sgx" }, nil, nil},
		{"rollback", "vault-old", honest, nil, &attest.Seen{Version: 2, Floor: 5, Epoch: 10}},
		{"policy-old", "policy", honest, nil, &attest.Seen{Version: 3}},
		{"policy-time", "policy", honest, func(p *attest.Policy) { p.NotBefore, p.NotAfter = 1, 2 }, nil},
		{"policy-tenant", "policy", honest, func(p *attest.Policy) { p.Tenant = "other" }, nil},
	} {
		t.Run(c.reason, func(t *testing.T) {
			p := accept()
			if c.policy != nil {
				c.policy(&p)
			}
			b, err := attest.SignPolicy(p, operator)
			if err != nil {
				t.Fatal(err)
			}
			got := runUnit(t, vault(t, c.evidence), b, c.seen, true, `"cue":"`+c.cue+`"`)
			if got.shots != 0 {
				t.Errorf("%d pictures were taken", got.shots)
			}
			if !strings.Contains(got.lines, `"cue":"`+c.cue+`"`) || !strings.Contains(got.lines, `"reason":"`+c.reason+`"`) {
				t.Errorf("the device says\n%s", got.lines)
			}
			if !strings.Contains(got.said, "the vault is refused: ") || !strings.Contains(got.said, "hint=") {
				t.Errorf("the terminal says\n%s", got.said)
			}
		})
	}
}

// The same device takes pictures for a vault that is accepted: the test above can fail.
func TestVaultAccepted(t *testing.T) {
	b, err := attest.SignPolicy(accept(), operator)
	if err != nil {
		t.Fatal(err)
	}
	got := runUnit(t, vault(t, func(*attest.Evidence) {}), b, nil, true, `"to":"challenge"`)
	if got.shots == 0 || !strings.Contains(got.lines, `"to":"challenge"`) {
		t.Fatalf("%d pictures; the device says\n%s", got.shots, got.lines)
	}
	if !strings.Contains(got.said, "SIMULATED") {
		t.Errorf("nobody is told that the vault is simulated: %s", got.said)
	}
}

// A unit in service takes no simulated board.
func TestInService(t *testing.T) {
	got := runUnit(t, "127.0.0.1:1", nil, nil, false, "never")
	if got.shots != 0 || got.lines != "" {
		t.Errorf("%+v", got)
	}
}
