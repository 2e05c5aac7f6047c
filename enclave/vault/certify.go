package vault

import (
	"context"
	"crypto/ed25519"

	"volar/enclave/attest"
	"volar/enclave/receipt"
	"volar/enclave/vault/gallery"
)

// certify has the platform vouch for the keys that outlive a session: the
// tenants' receipt keys, or the import key of a restore.
func (v *Vault) certify(ctx context.Context, tenants []Tenant) error {
	if importing := v.gallery.Importing(); importing != nil {
		for _, t := range tenants {
			e, err := v.vouch(ctx, attest.UseRestore, importing, t.Name)
			if err != nil {
				return err
			}
			b, err := e.Marshal()
			if err != nil {
				return err
			}
			if err := v.gallery.Request(ctx, t.Name, b); err != nil {
				return err
			}
		}
		return ErrRestoring
	}
	program, err := v.measurement(ctx)
	if err != nil {
		return err
	}
	return v.gallery.Certify(ctx, program, func(t gallery.Tenant, key ed25519.PublicKey) ([]byte, error) {
		voucher := receipt.Voucher{Tenant: t.Name, Operator: t.Operator, Key: [32]byte(key)}
		var err error
		if voucher.Evidence, err = v.vouch(ctx, attest.UseReceipt, voucher.Statement(), t.Name); err != nil {
			return nil, err
		}
		return voucher.Marshal()
	})
}

// vouch is evidence that this vault holds a key.
func (v *Vault) vouch(ctx context.Context, use string, key []byte, tenant string) (attest.Evidence, error) {
	epoch := v.gallery.Changes(tenant)
	e, err := v.platform.Evidence(ctx, attest.KeyData(use, v.key.Public(), epoch, key, tenant))
	if err != nil {
		return attest.Evidence{}, err
	}
	e.Epoch = epoch
	return e, nil
}

// measurement is what the platform measured this vault as: a program cannot
// measure itself.
func (v *Vault) measurement(ctx context.Context) ([32]byte, error) {
	e, err := v.platform.Evidence(ctx, [64]byte{})
	if err != nil {
		return [32]byte{}, err
	}
	events, err := attest.ParseEvents(e.Log)
	return events.Measurement, err
}
