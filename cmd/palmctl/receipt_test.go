package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/enclave/attest"
	"volar/enclave/vault/gallery"
)

var acme = gallery.Tenant{Name: "acme", Operator: [32]byte(operator.Public().(ed25519.PublicKey))}

// A receipt is exported from the host's store and checked by somebody who has
// nothing but files. No bit of it can change.
func TestReceiptVerify(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, dir: t.TempDir(), platform: 1}
	g, _, done := s.open(acme)
	for n := range byte(3) {
		put(t, g, n, "palm")
	}
	given, err := g.Delete(ctx, "acme", person(1))
	if err != nil {
		t.Fatal(err)
	}
	palmctl(t, exitWrong, "receipt", "export", "--db", s.db(), "--out", filepath.Join(dir, "busy"))
	done()
	out := filepath.Join(dir, "out")
	palmctl(t, exitDone, "receipt", "export", "--db", s.db(), "--out", out)
	one := func(pattern string) string {
		list, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", pattern, list, err)
		}
		return list[0]
	}
	paper, voucher, absence := one("*.receipt"), one("*.voucher"), one("*.absence")
	if b, err := os.ReadFile(paper); err != nil || !bytes.Equal(b, given) {
		t.Errorf("the store's copy is another one: %v", err)
	}
	policy := policyPath(t, dir, "acme.policy", nil, s)
	verify := func(code int, more ...string) (string, string) {
		t.Helper()
		return palmctl(t, code, append([]string{"receipt", "verify", "--voucher", voucher, "--operator", owner, "--policy", policy}, more...)...)
	}
	id := person(1)
	who := hex.EncodeToString(id[:])
	text, _ := verify(exitDone, paper, "--person", who, "--absence", absence)
	for _, want := range []string{"The receipt holds", "absence      proved", "SIMULATED", "nothing proves it"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	var v verdict
	text, _ = verify(exitDone, paper, "--json", "--absence", absence)
	decode(t, text, &v)
	if v.Tenant != "acme" || v.After != s.epoch || v.Before != s.epoch-1 || !v.Absent || v.Measurement != hex.EncodeToString(measured[:]) {
		t.Errorf("%+v", v)
	}
	verify(exitWrong, paper, "--person", strings.Repeat("ab", 16))
	verify(exitUsage, paper, "--person", "somebody")
	verify(exitUsage)
	verify(exitUsage, filepath.Join(dir, "no such file"))
	for i := range given {
		bent := bytes.Clone(given)
		bent[i] ^= 1 << (i % 8)
		verify(exitWrong, laid(t, dir, "bent", bent))
	}
	for name, path := range map[string]string{
		"another program":  policyPath(t, dir, "p1", func(p *attest.Policy) { p.Vaults[0].Measurement[0] ^= 1 }, s),
		"another platform": policyPath(t, dir, "p2", nil, &site{platform: 2}),
		"another tenant":   policyPath(t, dir, "p3", func(p *attest.Policy) { p.Tenant = "bloom" }, s),
		"no development": policyPath(t, dir, "p4", func(p *attest.Policy) {
			p.Development, p.Simulated, p.TPM = false, nil, &attest.TPM{Keys: [][32]byte{{1}}, Boot: [][32]byte{{1}}}
		}),
		"over by now": policyPath(t, dir, "p5", func(p *attest.Policy) { p.NotAfter = 1000 }, s),
	} {
		if _, says := palmctl(t, exitWrong, "receipt", "verify", paper, "--voucher", voucher, "--operator", owner, "--policy", path); says == "" {
			t.Errorf("%s: nothing is said", name)
		}
	}
	palmctl(t, exitUsage, "receipt", "verify", paper, "--voucher", voucher, "--operator", strings.Repeat("11", 32), "--policy", policy)
	palmctl(t, exitDone, "receipt", "verify", paper, "--voucher", voucher, "--operator", owner, "--policy",
		filepath.Join(dir, "p5"), "--at", "1970-01-01T00:10:00Z")
}
