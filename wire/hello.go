package wire

import "fmt"

// MaxHello is the longest encoded Hello, in bytes.
const MaxHello = 128

// Hello opens a connection, in the clear: which tenant's vault is asked for,
// and a nonce, fresh for every handshake, that the evidence must contain.
type Hello struct {
	Tenant string   // see CheckTenant
	Nonce  [32]byte // not zero
}

type helloForm struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Type    Type
	Tenant  string
	Nonce   [32]byte
}

func (h Hello) check() error {
	if h.Nonce == ([32]byte{}) {
		return fmt.Errorf("the nonce is zero")
	}
	return CheckTenant(h.Tenant)
}

// EncodeHello gives the one encoding of h.
func EncodeHello(h Hello) ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("wire: encode hello: %w", err)
	}
	return marshal(TypeHello, helloForm{Version: Version, Type: TypeHello, Tenant: h.Tenant, Nonce: h.Nonce}, MaxHello)
}

// DecodeHello is the inverse of EncodeHello and refuses everything else.
func DecodeHello(b []byte) (Hello, error) {
	f, err := unmarshal[helloForm](TypeHello, b, MaxHello)
	if err != nil {
		return Hello{}, err
	}
	h := Hello{Tenant: f.Tenant, Nonce: f.Nonce}
	if err := h.check(); err != nil {
		return Hello{}, fmt.Errorf("wire: decode hello: %w", err)
	}
	return h, nil
}
