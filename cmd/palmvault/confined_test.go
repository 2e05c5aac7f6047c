package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"volar/enclave/confine"
)

// report is what the program of releases says of itself on this machine.
func report(t *testing.T) confine.Report {
	t.Helper()
	out, err := exec.Command(vaultProgram(t), "--selfprobe", "--json").Output()
	var r confine.Report
	if wrong := json.Unmarshal(out, &r); wrong != nil {
		t.Fatalf("%v, %v: %s", err, wrong, out)
	}
	for _, f := range r.Findings {
		if !f.OK {
			t.Errorf("%s: %s, want %s", f.Name, f.Got, f.Want)
		}
	}
	if err != nil || !r.OK {
		t.Errorf("%v, %+v", err, r.Notices)
	}
	return r
}

// The program of releases dies of whatever it must not do.
func TestSelfprobe(t *testing.T) {
	r := report(t)
	if len(r.Findings) < 70 || len(r.Allowed) > 45 {
		t.Errorf("%d trials, %d system calls allowed", len(r.Findings), len(r.Allowed))
	}
	var out, complaints bytes.Buffer
	for _, args := range [][]string{{"--probe"}, {"--selfprobe", "--quick"}, {"--selfprobe", "--json", "--json"}, {"--selfprobe-child"}} {
		if code := selfprobe(args, &out, &complaints); code != 2 || out.Len() > 0 || !strings.Contains(complaints.String(), "usage") {
			t.Errorf("%q: code %d, %q, %q", args, code, &out, &complaints)
		}
	}
}

// All that a vault asks of the kernel while it enrols, recognises, updates and
// forgets, as strace sees it, is on the list.
func TestSystemCallsOfASoak(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: that the soak lives under the filter is shown by the other tests")
	}
	allowed := report(t).Allowed
	log := filepath.Join(t.TempDir(), "calls")
	r := start(t, strace, "-f", "-qq", "-o", log)
	r.soak(2)
	r.stop()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	_, locked, ok := strings.Cut(string(b), "seccomp(SECCOMP_SET_MODE_FILTER")
	if !ok {
		t.Skip("strace did not see the filter being set")
	}
	seen := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(locked, -1) {
		seen[m[1]]++
	}
	for name, n := range seen {
		if !slices.Contains(allowed, name) {
			t.Errorf("%d of %s, which is not on the list", n, name)
		}
	}
	if seen["read"] < 100 || seen["futex"] == 0 {
		t.Errorf("the soak hardly ran: %v", seen)
	}
	t.Logf("%v", seen)
}
