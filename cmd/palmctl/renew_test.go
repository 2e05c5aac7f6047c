package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"volar/enclave/renewal"
)

// The line that renew prints is the order that a vault takes.
func TestRenew(t *testing.T) {
	key := keyFile(t, t.TempDir())
	line, _ := palmctl(t, exitDone, "renew", "--tenant", "acme", "--operator-key", key, "--generation", "2")
	var text string
	if _, err := fmt.Sscanf(line, "renewal = %q # tenant acme, generation 2\n", &text); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	o, err := renewal.Parse(b, operator.Public().(ed25519.PublicKey))
	if want := (renewal.Order{Tenant: "acme", Generation: 2}); err != nil || o != want {
		t.Errorf("%+v, %v", o, err)
	}
	out, _ := palmctl(t, exitDone, "renew", "--json", "--tenant", "acme", "--operator-key", key, "--generation", "2")
	if !strings.Contains(out, text) {
		t.Errorf("as JSON it is another order: %s", out)
	}
	for name, args := range map[string][]string{
		"no generation":   {"--tenant", "acme", "--operator-key", key},
		"the plain codes": {"--tenant", "acme", "--operator-key", key, "--generation", "0"},
		"no tenant":       {"--tenant", "", "--operator-key", key, "--generation", "1"},
		"no key":          {"--tenant", "acme", "--operator-key", key + "x", "--generation", "1"},
	} {
		if out, _ := palmctl(t, exitUsage, append([]string{"renew"}, args...)...); strings.Contains(out, "renewal =") {
			t.Errorf("%s: %s", name, out)
		}
	}
}
