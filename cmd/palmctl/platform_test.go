package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/swtpm"
	"volar/internal/emulated"
)

// launcher is palmlaunch, of VOLAR_BIN or built now.
func launcher(t *testing.T) string {
	t.Helper()
	if err := swtpm.Missing(); err != nil {
		t.Skip(err)
	}
	emulated.Skip(t)
	if bin := os.Getenv("VOLAR_BIN"); bin != "" {
		return filepath.Join(bin, "palmlaunch")
	}
	program := filepath.Join(t.TempDir(), "palmlaunch")
	cmd := exec.Command("go", "build", "-o", program, "volar/cmd/palmlaunch")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return program
}

// pemKey writes a private key as openssl does.
func pemKey(t *testing.T, path string, key any) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A machine from its first start to its certificate, with the programs that people use.
func TestPlatform(t *testing.T) {
	program, dir := launcher(t), t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	makers, err := swtpm.Manufacture(in("tpm"), in("maker"))
	if errors.Is(err, swtpm.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("makers.pem"), makers)
	release, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, operator, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pemKey(t, in("release.pem"), release)
	pemKey(t, in("operator.pem"), operator)
	machine := func(more ...string) []string {
		return swtpm.Machine(in("tpm"), append([]string{program, "-vault", "/proc/self/exe", "-state", in("state"), "-tpm", swtpm.Socket(in("tpm"))}, more...)...)
	}
	print := func(name string, more ...string) {
		t.Helper()
		argv := machine(append([]string{"-print"}, more...)...)
		out, err := exec.Command(argv[0], argv[1:]...).Output()
		if err != nil {
			t.Fatalf("palmlaunch -print: %v", err)
		}
		write(t, in(name), out)
	}
	palmctl := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(context.Background(), args, &out, &errs); got != code {
			t.Fatalf("palmctl %s: code %d, want %d: %s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}

	print("facts")
	var made struct{ Release, Measurement, Key string }
	if err := json.Unmarshal([]byte(palmctl(exitDone, "platform", "approve", in("facts"), "--key", in("release.pem"), "--out", in("approval"), "--json")), &made); err != nil {
		t.Fatal(err)
	}
	print("facts", "-approval", in("approval")) // sets the TPM up
	if said := palmctl(exitDone, "platform", "boot", in("facts")); !strings.Contains(said, "boot = [") || !strings.Contains(said, "for development") {
		t.Errorf("boot: %s", said)
	}

	certify := append([]string{"platform", "certify", "--key", in("operator.pem"), "--roots", in("makers.pem"), "--release", made.Release, "--out", in("ak"), "--json", "--"}, machine("-activate")...)
	if err := json.Unmarshal([]byte(palmctl(exitDone, certify...)), &made); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(in("ak"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tpm.OpenCertificate(operator.Public().(ed25519.PublicKey), b, time.Now())
	if err != nil || hex.EncodeToString(c.Key[:]) != made.Key || !strings.Contains(string(read(t, in("facts"))), made.Key) {
		t.Errorf("certificate %+v, %v; said %+v", c, err, made)
	}

	// What must not be certified, and what is typed wrong.
	certify[9] = in("other")
	other := func(at int, value string) []string {
		args := append([]string(nil), certify...)
		args[at] = value
		return args
	}
	if said := palmctl(exitWrong, other(7, hex.EncodeToString(make([]byte, 64)))...); !strings.Contains(said, "sealed to another release key") {
		t.Errorf("another release key: %s", said)
	}
	if _, err := swtpm.Manufacture(in("tpm2"), in("maker2")); err != nil {
		t.Fatal(err)
	}
	if said := palmctl(exitWrong, other(5, in("maker2/swtpm-localca-rootca-cert.pem"))...); !strings.Contains(said, "not one of a TPM by an accepted maker") {
		t.Errorf("another maker: %s", said)
	}
	for name, args := range map[string][]string{
		"no command":        {"platform", "certify", "--key", in("operator.pem"), "--roots", in("makers.pem"), "--release", made.Release, "--out", in("x")},
		"no facts":          {"platform", "approve", in("approval"), "--key", in("release.pem"), "--out", in("x")},
		"wrong kind of key": {"platform", "approve", in("facts"), "--key", in("operator.pem"), "--out", in("x")},
		"written over":      {"platform", "approve", in("facts"), "--key", in("release.pem"), "--out", in("approval")},
		"short release":     other(7, "00"),
		"no roots":          other(5, in("facts")),
	} {
		if said := palmctl(exitUsage, args...); !strings.Contains(said, "hint") {
			t.Errorf("%s: %s", name, said)
		}
	}
	if said := palmctl(exitWrong, "platform", "boot", in("facts"), "--log", in("makers.pem")); !strings.Contains(said, "no event log") {
		t.Errorf("a log that is none: %s", said)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
