package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/enclave/host/store"
	"volar/enclave/receipt"
	"volar/enclave/vault"
	"volar/enclave/vault/gallery"
	"volar/wire"
)

var (
	ctx      = context.Background()
	operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	measured = [32]byte{0xab}
	owner    = hex.EncodeToString(operator.Public().(ed25519.PublicKey))
)

// site is a host with its store and its platform.
type site struct {
	t        *testing.T
	dir      string
	platform byte
	epoch    uint64
}

// blobs is the real store as the vault sees it.
type blobs struct{ *store.Store }

func (b blobs) List(ctx context.Context, prefix, after string) ([]string, bool, error) {
	return b.Store.List(ctx, prefix, after, wire.MaxKeys)
}

func (s *site) db() string { return filepath.Join(s.dir, "blobs.db") }

func (s *site) signing() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{s.platform}, 32))
}

func (s *site) start() *simulated.Platform {
	s.t.Helper()
	p, err := simulated.New(simulated.Config{Key: s.signing(), Sealing: [32]byte{s.platform}, Measurement: measured, Epoch: s.epoch,
		Persist: func(n uint64) error { s.epoch = n; return nil }})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// open is the gallery of a vault that runs, until the caller is done with it.
func (s *site) open(tenant gallery.Tenant) (*gallery.Gallery, map[byte]string, func()) {
	s.t.Helper()
	return s.openWith(gallery.Options{Tenants: []gallery.Tenant{tenant}})
}

func (s *site) openWith(o gallery.Options) (*gallery.Gallery, map[byte]string, func()) {
	s.t.Helper()
	db, err := store.Open(ctx, s.db())
	if err != nil {
		s.t.Fatal(err)
	}
	people := map[byte]string{}
	p := s.start()
	o.Load = func(_ string, r *gallery.Record) error {
		people[r.Person[0]] = string(r.Left[0])
		return nil
	}
	g, err := gallery.Open(ctx, p, blobs{db}, o)
	key := [32]byte{3}
	if err == nil {
		err = p.Bind(ctx, key)
	}
	if err == nil {
		err = g.Certify(ctx, measured, func(t gallery.Tenant, k ed25519.PublicKey) ([]byte, error) {
			v := receipt.Voucher{Tenant: t.Name, Operator: t.Operator, Key: [32]byte(k)}
			if v.Evidence, err = p.Evidence(ctx, attest.KeyData(attest.UseReceipt, key, 0, v.Statement(), t.Name)); err != nil {
				return nil, err
			}
			return v.Marshal()
		})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return g, people, func() { db.Close() }
}

// vault starts a whole vault.
func (s *site) vault(tenant gallery.Tenant, restore bool) error {
	s.t.Helper()
	db, err := store.Open(ctx, s.db())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	_, err = vault.New(ctx, vault.Config{Platform: s.start(), Blobs: blobs{db}, Tenants: []vault.Tenant{tenant}, FPIR: 1e-4, Restore: restore})
	return err
}

func person(n byte) wire.Person { return wire.Person{n, 1} }

func put(t *testing.T, g *gallery.Gallery, n byte, text string) {
	t.Helper()
	if err := g.Put(ctx, "acme", &gallery.Record{Person: person(n), Left: [][]byte{[]byte(text)}}); err != nil {
		t.Fatal(err)
	}
}

// laid puts a file into a folder of the test.
func laid(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// policyPath is a policy that accepts the platforms of some sites.
func policyPath(t *testing.T, dir, name string, change func(*attest.Policy), sites ...*site) string {
	t.Helper()
	p := attest.Policy{Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: 4_000_000_000, Development: true,
		Vaults: []attest.Vault{{Measurement: measured, Release: 1}}, Simulated: &attest.Simulated{}}
	for _, s := range sites {
		p.Simulated.Keys = append(p.Simulated.Keys, [32]byte(s.signing().Public().(ed25519.PublicKey)))
	}
	if change != nil {
		change(&p)
	}
	b, err := attest.SignPolicy(p, operator)
	if err != nil {
		t.Fatal(err)
	}
	return laid(t, dir, name, b)
}

func keyFile(t *testing.T, dir string) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(operator)
	if err != nil {
		t.Fatal(err)
	}
	return laid(t, dir, "operator.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// palmctl runs a command and gives what it printed.
func palmctl(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(ctx, args, &out, &errs); got != code {
		t.Fatalf("palmctl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	if code != exitDone && !strings.Contains(errs.String(), "hint") {
		t.Errorf("palmctl %s: no hint: %s", strings.Join(args, " "), errs.String())
	}
	return out.String(), errs.String()
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
