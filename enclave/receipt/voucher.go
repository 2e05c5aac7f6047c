package receipt

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"volar/enclave/attest"
	"volar/wire"
)

// ErrTenant means that a voucher is of another gallery than the one asked about.
var ErrTenant = errors.New("the voucher is of another tenant")

// MaxVoucher is the longest encoded Voucher, in bytes.
const MaxVoucher = attest.MaxEvidence + 256

// Voucher ties a tenant's receipt key to an attested vault. Whoever has a
// policy that accepts the vault needs nothing else to believe the key.
type Voucher struct {
	Tenant   string
	Operator [32]byte
	Key      [32]byte // Ed25519 public key that signs the tenant's receipts
	Evidence attest.Evidence
}

type voucherForm struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8
	Tenant   string
	Operator [32]byte
	Key      [32]byte
	Evidence []byte
}

// Statement is what the platform vouches for: the key, and whose gallery it
// belongs to. A host can configure a vault with a tenant of this name and an
// operator of its own; that vault's receipts are of another gallery.
func (v Voucher) Statement() []byte { return append(v.Key[:], v.Operator[:]...) }

// Marshal is the one encoding of v.
func (v Voucher) Marshal() ([]byte, error) {
	e, err := v.Evidence.Marshal()
	if err != nil {
		return nil, fmt.Errorf("receipt: encode voucher: %w", err)
	}
	return codec.Marshal(voucherForm{Version: version, Tenant: v.Tenant, Operator: v.Operator, Key: v.Key, Evidence: e})
}

// ParseVoucher reads what Marshal wrote and nothing else. It believes none of it: see Check.
func ParseVoucher(b []byte) (Voucher, error) {
	v, _, err := parseVoucher(b)
	return v, err
}

func parseVoucher(b []byte) (v Voucher, evidence []byte, err error) {
	if len(b) > MaxVoucher {
		return Voucher{}, nil, fmt.Errorf("receipt: parse voucher: %d bytes, at most %d", len(b), MaxVoucher)
	}
	var f voucherForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return Voucher{}, nil, fmt.Errorf("receipt: parse voucher: %w", err)
	}
	if f.Version != version {
		return Voucher{}, nil, fmt.Errorf("receipt: parse voucher: version %d, want %d", f.Version, version)
	}
	if err := wire.CheckTenant(f.Tenant); err != nil {
		return Voucher{}, nil, fmt.Errorf("receipt: parse voucher: %w", err)
	}
	e, err := attest.ParseEvidence(f.Evidence)
	if err != nil {
		return Voucher{}, nil, fmt.Errorf("receipt: parse voucher: %w", err)
	}
	return Voucher{f.Tenant, f.Operator, f.Key, e}, f.Evidence, nil
}

// Checked is what a receipt proves once it has been checked.
type Checked struct {
	wire.Receipt
	Vault attest.Claims // who vouches for the key
}

// Check believes a receipt if a vault that the policy accepts vouches for the
// key that signed it as this operator's tenant's, and if the program that
// made it is one that the policy lists. It needs no network and no vault.
func Check(signed, voucher []byte, operator [32]byte, p attest.Policy, now time.Time, with ...attest.Verifier) (Checked, error) {
	v, evidence, err := parseVoucher(voucher)
	if err != nil {
		return Checked{}, err
	}
	if v.Tenant != p.Tenant || v.Operator != operator {
		return Checked{}, fmt.Errorf("receipt: check: %w: it is of tenant %s with operator %x", ErrTenant, v.Tenant, v.Operator[:8])
	}
	claims, err := attest.VerifyKey(evidence, p, attest.UseReceipt, v.Statement(), now, with...)
	if err != nil {
		return Checked{}, fmt.Errorf("receipt: check voucher: %w", err)
	}
	r, err := wire.VerifyReceipt(signed, ed25519.PublicKey(v.Key[:]))
	if err != nil {
		return Checked{}, fmt.Errorf("receipt: check: %w", err)
	}
	if !slices.ContainsFunc(p.Vaults, func(a attest.Vault) bool { return a.Measurement == r.Measurement }) {
		return Checked{}, fmt.Errorf("receipt: check: %w: the deletion was made by %x", attest.ErrMeasurement, r.Measurement[:8])
	}
	return Checked{r, claims}, nil
}
