package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"volar/enclave/attest"
	"volar/internal/emulated"
)

// builds makes a program the way of releases, or another way.
func builds(t *testing.T, name string, release bool, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", path}
	if release {
		args = append(args, "-trimpath")
	}
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=runtimesecret")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// What palmctl says is what palmlaunch measures and evidence carries.
func TestMeasure(t *testing.T) {
	emulated.Skip(t)
	vault := builds(t, "palmvault", true, "volar/cmd/palmvault")
	launcher := builds(t, "palmlaunch", true, "volar/cmd/palmlaunch")
	commit := strings.Repeat("ab", 20)
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"measure", vault, "--launcher", launcher, "--commit", commit, "--json"}, &out, &errs); code != exitDone {
		t.Fatalf("code %d: %s", code, errs.String())
	}
	var m manifest
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(vault)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	register := attest.ExtendMeasurement([32]byte{}, sum)
	if m.Measurement != hex.EncodeToString(sum[:]) || m.Register[attest.KindTPM] != hex.EncodeToString(register[:]) || m.Commit != commit ||
		len(m.Programs) != 2 || m.Programs[1].Name != "palmlaunch" || !strings.HasPrefix(m.Go, "go1.") || m.Env["CGO_ENABLED"] != "0" {
		t.Errorf("%+v", m)
	}
	facts, err := exec.Command(launcher, "-vault", vault, "-state", t.TempDir(), "-platform", "simulated", "-print").Output()
	if err != nil || !strings.Contains(string(facts), m.Measurement) {
		t.Errorf("palmlaunch measures %s, %v; palmctl %s", facts, err, m.Measurement)
	}
	for name, args := range map[string][]string{
		"not a program":        {"measure", "measure.go"},
		"not the vault":        {"measure", launcher},
		"not a release":        {"measure", builds(t, "palmvault", false, "volar/cmd/palmvault")},
		"not the launcher":     {"measure", vault, "--launcher", vault},
		"not a commit":         {"measure", vault, "--commit", "HEAD"},
		"nothing":              {"measure"},
		"a file that is not":   {"measure", filepath.Join(t.TempDir(), "none")},
		"a launcher of before": {"measure", vault, "--launcher", builds(t, "palmlaunch", false, "volar/cmd/palmlaunch")},
	} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, &out, &errs); code == exitDone || out.Len() > 0 || !strings.Contains(errs.String(), "hint:") {
			t.Errorf("%s: code %d, %q, %q", name, code, out.String(), errs.String())
		}
	}
}
