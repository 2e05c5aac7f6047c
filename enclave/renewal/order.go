// Package renewal is a tenant's way to other codes of the same palms: the
// operator's signed order that the vault code them under a key of the tenant's
// own, drawn anew for each generation. README.md says what follows from one.
package renewal

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"volar/wire"
	"volar/wire/canonical"
	"volar/wire/signed"
)

// MaxOrder bounds a signed Order, in bytes.
const MaxOrder = 512

// ErrMalformed means bytes that are not an order of this version.
var ErrMalformed = errors.New("malformed")

const (
	version = 1
	context = "volar/renewal/1"
)

// Order asks for codes of a generation. It is signed by the tenant's operator,
// because whoever gives it has everybody deleted who is enrolled in an earlier one:
// that is not for the host to decide that writes the vault's configuration.
type Order struct {
	Tenant     string
	Generation uint64 // 1 and up; codes of generation 0 are the plain ones, which nobody orders
}

type orderForm struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8
	Tenant     string
	Generation uint64
}

var codec = canonical.New(4, 16)

func (o Order) check() error {
	if err := wire.CheckTenant(o.Tenant); err != nil {
		return err
	}
	if o.Generation == 0 {
		return fmt.Errorf("%w: generation 0, which is the plain codes; 1 and up", ErrMalformed)
	}
	return nil
}

// Sign gives a COSE_Sign1 by the tenant's operator.
func Sign(o Order, operator ed25519.PrivateKey) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("renewal: sign order: %w", err)
	}
	payload, err := codec.Marshal(orderForm{Version: version, Tenant: o.Tenant, Generation: o.Generation})
	if err != nil {
		return nil, fmt.Errorf("renewal: sign order: %w", err)
	}
	b, err := signed.Sign(operator, context, payload)
	if err != nil {
		return nil, fmt.Errorf("renewal: sign order: %w", err)
	}
	return b, nil
}

// Parse checks form and signature.
func Parse(b []byte, operator ed25519.PublicKey) (Order, error) {
	o, err := parse(b, operator)
	if err != nil {
		return Order{}, fmt.Errorf("renewal: read order: %w", err)
	}
	return o, nil
}

func parse(b []byte, operator ed25519.PublicKey) (Order, error) {
	if len(b) > MaxOrder {
		return Order{}, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), MaxOrder)
	}
	payload, err := signed.Open(operator, context, b)
	if err != nil {
		return Order{}, err
	}
	var f orderForm
	if err := codec.Unmarshal(payload, &f); err != nil {
		return Order{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if f.Version != version {
		return Order{}, fmt.Errorf("%w: version %d, want %d", ErrMalformed, f.Version, version)
	}
	o := Order{f.Tenant, f.Generation}
	return o, o.check()
}
