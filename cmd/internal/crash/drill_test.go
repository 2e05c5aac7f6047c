//go:build linux && amd64

package crash

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/broker"
	"volar/enclave/attest/tpm"
	"volar/enclave/host/store"
	"volar/enclave/recovery"
	"volar/enclave/vault/gallery"
	"volar/internal/emulated"
	"volar/wire"
)

// A drill on TPMs: one is dead, and its store opens on no other. Three of five
// holders hand the gallery to the vault of another machine, after they have
// checked its quote; two cannot.
func TestDeadTPM(t *testing.T) {
	emulated.Skip(t)
	dead, fresh := newBoard(t), bareBoard(t)
	key, shares, err := recovery.Make(acme.Name, 1, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	tenant := acme
	if tenant.Recovery, err = recovery.SignKey(key, operator); err != nil {
		t.Fatal(err)
	}
	dead.with(dead.dir, oldProgram, func(s gallery.Sealer) error {
		return open(dead.dir, s, gallery.Options{Tenants: []gallery.Tenant{tenant}}, nil)
	})
	db, err := os.ReadFile(filepath.Join(dead.dir, "blobs.db"))
	if err == nil {
		err = os.WriteFile(filepath.Join(fresh.dir, "blobs.db"), db, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	restoring := gallery.Options{Tenants: []gallery.Tenant{tenant}, Restore: true}
	fresh.with(fresh.dir, oldProgram, func(s gallery.Sealer) error {
		if err := open(fresh.dir, s, gallery.Options{Tenants: []gallery.Tenant{tenant}}, nil); !errors.Is(err, gallery.ErrForeign) {
			t.Errorf("another machine's TPM: %v", err)
		}
		return open(fresh.dir, s, restoring, func(g *gallery.Gallery) error { return ask(s, g) })
	})
	if err := grant(fresh, shares[:2]); !errors.Is(err, recovery.ErrShares) {
		t.Errorf("two of three shares: %v", err)
	}
	if err := grant(fresh, shares[2:]); err != nil {
		t.Fatal(err)
	}
	got := map[byte]string{}
	restoring.Load = func(_ string, r *gallery.Record) error { got[r.Person[0]] = string(r.Left[0]); return nil }
	for range 2 { // also when it is started again
		clear(got)
		fresh.with(fresh.dir, oldProgram, func(s gallery.Sealer) error { return open(fresh.dir, s, restoring, nil) })
		if want := map[byte]string{0: "zero", 1: "one", 2: "two", 3: "three"}; !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// open opens the gallery in a folder, and closes its store when f is done.
func open(dir string, s gallery.Sealer, o gallery.Options, f func(*gallery.Gallery) error) error {
	db, err := store.Open(ctx, filepath.Join(dir, "blobs.db"))
	if err != nil {
		return err
	}
	if o.Load == nil {
		o.Load = func(string, *gallery.Record) error { return nil }
	}
	g, err := gallery.Open(ctx, s, blobs{db}, o)
	if err == nil && f != nil {
		err = f(g)
	}
	return errors.Join(err, db.Close())
}

var sessionKey = [32]byte{3}

// ask is what a vault does that waits for a grant: it binds its key and has
// the chip vouch for the import key.
func ask(s gallery.Sealer, g *gallery.Gallery) error {
	p := s.(broker.Platform)
	if err := p.Bind(ctx, sessionKey); err != nil {
		return err
	}
	e, err := p.Evidence(ctx, attest.KeyData(attest.UseRestore, sessionKey, g.Epoch(), g.Importing(), acme.Name))
	if err != nil {
		return err
	}
	e.Epoch = g.Epoch()
	b, err := e.Marshal()
	if err != nil {
		return err
	}
	return g.Request(ctx, acme.Name, b)
}

// grant is what holders do with a store in which a vault has asked.
func grant(b *board, shares []recovery.Share) (err error) {
	secret, err := recovery.Combine(shares)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, filepath.Join(b.dir, "blobs.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	text, _, err := db.Get(ctx, recovery.RequestName(acme.Name))
	if err != nil {
		return err
	}
	r, err := recovery.ParseRequest(text)
	if err != nil {
		return err
	}
	if _, err := attest.VerifyKey(r.Evidence, b.policy(), attest.UseRestore, r.Import, time.Now(), tpm.Verifier{}); err != nil {
		return err
	}
	keys, _, err := db.List(ctx, recovery.Prefix, "", wire.MaxKeys)
	if err != nil || len(keys) == 0 || !strings.HasPrefix(keys[0], recovery.Prefix) {
		return errors.Join(err, errors.New("no escrow"))
	}
	blob, _, err := db.Get(ctx, keys[len(keys)-1])
	if err != nil {
		return err
	}
	e, err := secret.Unlock(blob, acme.Name)
	if err != nil {
		return err
	}
	sealed, err := recovery.Grant{Escrow: e}.Seal(r.Import)
	if err != nil {
		return err
	}
	return db.Apply(ctx, []wire.Blob{{Key: recovery.GrantName(acme.Name), Value: sealed}}, nil)
}
