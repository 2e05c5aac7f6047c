package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The vault runs as nobody, with no capability and under a filter.
func TestIsolated(t *testing.T) {
	b := newBox(t)
	r := b.start()
	r.mustDial()
	pid := r.vaultPID()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	has := func(line string) {
		t.Helper()
		if !regexp.MustCompile(`(?m)^` + line + `$`).Match(status) {
			t.Errorf("the vault's status lacks %q:\n%s", line, status)
		}
	}
	has(`Seccomp:\s2`)
	has(`NoNewPrivs:\s1`)
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		has(set + `:\s0{16}`)
	}
	if said := r.stop(); strings.Contains(said, "runs as this user") {
		t.Skip("this machine gives this test no other user")
	}
	if os.Geteuid() == 0 {
		has(`Uid:(\s65534){4}`)
		has(`Gid:(\s65534){4}`)
		has(`Groups:\s*`)
	}
}

// Each namespace is another than this test's.
func TestNamespaces(t *testing.T) {
	b := newBox(t)
	r := b.start()
	r.mustDial()
	pid := r.vaultPID()
	links := map[string]string{}
	for _, kind := range []string{"net", "pid", "mnt", "ipc", "uts", "user"} {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		if err != nil {
			t.Skipf("this user may not look at the vault's namespaces: %v", err)
		}
		links[kind] = to
	}
	if strings.Contains(r.stop(), "has no namespaces of its own") {
		t.Skip("this machine refuses namespaces to this test")
	}
	for kind, theirs := range links {
		if ours, err := os.Readlink("/proc/self/ns/" + kind); err != nil || ours == theirs {
			t.Errorf("the vault shares the namespace %s (%s), %v", kind, theirs, err)
		}
	}
}
