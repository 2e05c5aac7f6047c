package main

import (
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/enclave/attest"
	"volar/enclave/vault"
	"volar/enclave/vault/gallery"
)

// The drill: shares are made, a platform dies, its store is copied to another
// machine, and three of five holders hand the gallery to that machine's vault,
// which two could not. Who was deleted after the copy was made stays out.
func TestRecoveryDrill(t *testing.T) {
	dir := t.TempDir()
	shares := filepath.Join(dir, "shares")
	text, _ := palmctl(t, exitDone, "recovery", "make", "--json", "--tenant", "acme", "--operator-key", keyFile(t, dir), "--threshold", "3", "--shares", "5", "--out", shares)
	var made struct{ Recovery string }
	decode(t, text, &made)
	tenant := acme
	var err error
	if tenant.Recovery, err = base64.StdEncoding.DecodeString(made.Recovery); err != nil {
		t.Fatal(err)
	}
	share := func(n string) string { return filepath.Join(shares, "share-"+n+".pem") }
	palmctl(t, exitDone, "recovery", "combine", share("2"), share("4"), share("5"))
	palmctl(t, exitWrong, "recovery", "combine", share("2"), share("4"))
	palmctl(t, exitWrong, "recovery", "combine", share("2"), share("4"), share("4"))
	palmctl(t, exitUsage, "recovery", "combine")
	palmctl(t, exitUsage, "recovery", "make", "--tenant", "acme", "--operator-key", filepath.Join(dir, "operator.pem"), "--out", shares) // nothing is written over
	palmctl(t, exitUsage, "recovery", "make", "--tenant", "acme", "--operator-key", share("1"), "--out", filepath.Join(dir, "more"))

	dead := &site{t: t, dir: t.TempDir(), platform: 1}
	g, _, done := dead.open(tenant)
	for n, text := range []string{"zero", "one", "two"} {
		put(t, g, byte(n), text)
	}
	done()
	copied, err := os.ReadFile(dead.db())
	if err != nil {
		t.Fatal(err)
	}
	g, _, done = dead.open(tenant)
	if _, err := g.Delete(ctx, "acme", person(1)); err != nil {
		t.Fatal(err)
	}
	done()
	papers := filepath.Join(dir, "papers")
	palmctl(t, exitDone, "receipt", "export", "--db", dead.db(), "--out", papers)

	next := &site{t: t, dir: t.TempDir(), platform: 2}
	laid(t, next.dir, "blobs.db", copied)
	policy := policyPath(t, dir, "acme.policy", nil, dead, next)
	restore := func(code int, policy string, more ...string) string {
		t.Helper()
		out, _ := palmctl(t, code, append([]string{"recovery", "restore", "--db", next.db(), "--operator", owner, "--policy", policy, "--receipts", papers}, more...)...)
		return out
	}
	restore(exitWrong, policy, share("1"), share("2"), share("3")) // no vault has asked
	if err := next.vault(tenant, false); !errors.Is(err, gallery.ErrForeign) {
		t.Errorf("a vault that was not told to restore: %v", err)
	}
	for range 2 {
		if err := next.vault(tenant, true); !errors.Is(err, vault.ErrRestoring) {
			t.Fatalf("a vault that should ask: %v", err)
		}
	}
	restore(exitWrong, policy, share("1"), share("2"))
	restore(exitWrong, policyPath(t, dir, "old.policy", nil, dead), share("1"), share("2"), share("3"))
	restore(exitWrong, policyPath(t, dir, "other.policy", func(p *attest.Policy) { p.Vaults[0].Measurement[0] ^= 1 }, dead, next), share("1"), share("2"), share("3"))
	// A policy that leaves the dead machine out cannot check its receipts, and
	// that is said; what is granted last counts.
	late := &site{t: t, dir: t.TempDir(), platform: 3}
	all, err := os.ReadFile(dead.db())
	if err != nil {
		t.Fatal(err)
	}
	laid(t, late.dir, "blobs.db", all)
	if err := late.vault(tenant, true); !errors.Is(err, vault.ErrRestoring) {
		t.Fatal(err)
	}
	text, _ = palmctl(t, exitDone, "recovery", "restore", "--db", late.db(), "--operator", owner,
		"--policy", policyPath(t, dir, "late.policy", nil, late), share("1"), share("5"), share("3"))
	if !strings.Contains(text, "1 receipts in the store are not believed") {
		t.Errorf("%s", text)
	}
	says := restore(exitDone, policy, share("1"), share("5"), share("3"))
	if !strings.Contains(says, "3 people") || !strings.Contains(says, "1 of these are newer than the store") {
		t.Errorf("%s", says)
	}
	if err := next.vault(tenant, true); err == nil || errors.Is(err, vault.ErrRestoring) {
		t.Fatalf("records of a test are no templates, so a whole vault must stop at the first: %v", err)
	}
	_, people, done := next.openWith(gallery.Options{Tenants: []gallery.Tenant{tenant}, Restore: true})
	defer done()
	if want := map[byte]string{0: "zero", 2: "two"}; !maps.Equal(people, want) {
		t.Errorf("%v, want %v", people, want)
	}
}
