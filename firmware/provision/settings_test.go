package provision_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/attest"
	"volar/wire"
	"volar/wire/prov"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
}

// policyOf is a tenant's policy, signed by an operator.
func policyOf(t *testing.T, tenant string, operator ed25519.PrivateKey, edit func(*attest.Policy)) []byte {
	t.Helper()
	p := attest.Policy{Tenant: tenant, Version: 1, NotBefore: 1, NotAfter: 4_000_000_000, Development: true,
		Vaults: []attest.Vault{{Measurement: [32]byte{1}, Release: 1}}, Simulated: &attest.Simulated{Keys: [][32]byte{{1}}}}
	if edit != nil {
		edit(&p)
	}
	b, err := attest.SignPolicy(p, operator)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSettingsMustBeTheTickets: a technician cannot give a unit to another
// tenant or operator, nor to a policy or with a certificate that its operator
// did not sign for it; nothing of what was refused is left.
func TestSettingsMustBeTheTickets(t *testing.T) {
	type made struct {
		s    prov.Settings
		cert wire.Credential
		by   ed25519.PrivateKey // signs the certificate
	}
	for _, c := range []struct {
		name string
		edit func(*made)
		want string // "" is taken
	}{
		{"good", func(*made) {}, ""},
		{"another tenant", func(m *made) { m.s.Tenant, m.cert.Tenant = "other", "other" }, "the ticket is for"},
		{"another operator", func(m *made) {
			m.by, m.s.Operator = key(8), [32]byte(key(8).Public().(ed25519.PublicKey))
			m.s.Policy = policyOf(t, "acme", key(8), nil)
		}, "another operator"},
		{"certificate by another", func(m *made) { m.by = key(8) }, "certificate"},
		{"certificate of another unit", func(m *made) { m.cert.Device[0] ^= 1 }, "another unit"},
		{"certificate that is over", func(m *made) { m.cert.NotAfter = 946000000 }, "expired"},
		{"policy by another", func(m *made) { m.s.Policy = policyOf(t, "acme", key(8), nil) }, "policy"},
		{"policy of another tenant", func(m *made) { m.s.Policy = policyOf(t, "other", key(7), nil) }, "policy"},
		{"policy that is over", func(m *made) {
			m.s.Policy = policyOf(t, "acme", key(7), func(p *attest.Policy) { p.NotAfter = 946000001 })
		}, "not valid now"},
		{"policy for development", func(m *made) { m.s.Development = false }, "for development"},
	} {
		with(t, func(r *rig) {
			if err := r.open(nil); err != nil {
				r.Fatal(err)
			}
			if err := r.do(prov.Keep, nil); err != nil {
				r.Fatal(err)
			}
			unit, _ := r.client.Peer()
			m := made{by: key(7), cert: wire.Credential{Tenant: "acme", Device: unit, NotAfter: time.Now().Add(time.Hour).Unix()},
				s: prov.Settings{Name: "door", Site: "dock", Tenant: "acme", Gateway: "h:1", Operator: [32]byte(operator), Policy: policyOf(r.T, "acme", key(7), nil), Development: true}}
			c.edit(&m)
			var err error
			if m.s.Credential, err = wire.SignCredential(m.cert, m.by); err != nil {
				r.Fatal(err)
			}
			b, err := m.s.Encode()
			if err != nil {
				r.Fatal(err)
			}
			if err := r.do(prov.Stage, prov.Block{Part: prov.PartSettings, Total: uint64(len(b)), Digest: sha256.Sum256(b), Data: b}); err != nil {
				r.Fatal(err)
			}
			_, err = r.client.Do(context.Background(), prov.Commit, prov.Part{Name: prov.PartSettings})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				r.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
			err = r.do(prov.Confirm, prov.Digest{Part: prov.PartSettings, Sum: sha256.Sum256(b)})
			if (err == nil) != (c.want == "") {
				r.Errorf("%s: confirmed: %v", c.name, err)
			}
			synctest.Wait()
			got, _ := r.unit.Applied()
			if (got.Settings != nil) != (c.want == "") {
				r.Errorf("%s: settings %v", c.name, got.Settings)
			}
		})
	}
}

// TestUnconfirmedIsDropped: what was committed and not confirmed is gone when
// the unit starts again.
func TestUnconfirmedIsDropped(t *testing.T) {
	with(t, func(r *rig) {
		if err := r.open(nil); err != nil {
			r.Fatal(err)
		}
		if err := r.do(prov.Keep, nil); err != nil {
			r.Fatal(err)
		}
		if err := r.unit.Store.Put("provision.next", []byte("half")); err != nil {
			r.Fatal(err)
		}
		r.plug()
		synctest.Wait()
		if keys := r.unit.Store.Keys(); len(keys) != 1 || keys[0] != "provision" {
			r.Errorf("keys %q", keys)
		}
	})
}
