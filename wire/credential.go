package wire

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"volar/wire/signed"
)

// MaxCredential is the longest signed credential, in bytes.
const MaxCredential = 512

// credentialContext separates this signature from every other one that an
// operator's key may make: COSE's external additional data.
const credentialContext = "volar/credential/1"

// Why a credential is refused, beside being malformed.
var (
	ErrCredentialExpired   = errors.New("the credential has expired")
	ErrCredentialSignature = errors.New("the credential is not signed by this operator")
)

// Credential is an operator's word that a device belongs to a tenant.
type Credential struct {
	Tenant   string   // see CheckTenant
	Device   [32]byte // the device's X25519 public key, not zero
	NotAfter int64    // seconds since 1970, more than 0; valid up to and including this second
}

type credentialForm struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8
	Type     Type
	Tenant   string
	Device   [32]byte
	NotAfter int64
}

func (c Credential) check() error {
	switch {
	case c.Device == [32]byte{}:
		return errors.New("the device's key is zero")
	case c.NotAfter <= 0:
		return fmt.Errorf("not after %d, more than 0", c.NotAfter)
	}
	return CheckTenant(c.Tenant)
}

// SignCredential gives a COSE_Sign1 (RFC 9052, section 4.2), tagged, EdDSA.
// Equal input gives equal bytes.
func SignCredential(c Credential, key ed25519.PrivateKey) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("wire: sign credential: %w", err)
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("wire: sign credential: key of %d bytes, not %d", len(key), ed25519.PrivateKeySize)
	}
	payload, err := marshal(TypeCredential, credentialForm{Version: Version, Type: TypeCredential,
		Tenant: c.Tenant, Device: c.Device, NotAfter: c.NotAfter}, MaxCredential)
	if err != nil {
		return nil, err
	}
	b, err := signed.Sign(key, credentialContext, payload)
	if err != nil {
		return nil, fmt.Errorf("wire: sign credential: %w", err)
	}
	return b, nil
}

// VerifyCredential checks form, signature and time, in this order. The
// caller compares Tenant and Device with the session's.
func VerifyCredential(b []byte, operator ed25519.PublicKey, now time.Time) (Credential, error) {
	c, err := verifyCredential(b, operator, now)
	if err != nil {
		return Credential{}, fmt.Errorf("wire: verify credential: %w", err)
	}
	return c, nil
}

func verifyCredential(b []byte, operator ed25519.PublicKey, now time.Time) (Credential, error) {
	if len(b) > MaxCredential {
		return Credential{}, fmt.Errorf("%d bytes, at most %d", len(b), MaxCredential)
	}
	payload, err := signed.Open(operator, credentialContext, b)
	switch {
	case errors.Is(err, signed.ErrSignature):
		return Credential{}, fmt.Errorf("%w: %w", ErrCredentialSignature, err)
	case err != nil:
		return Credential{}, err
	}
	f, err := unmarshal[credentialForm](TypeCredential, payload, MaxCredential)
	if err != nil {
		return Credential{}, err
	}
	c := Credential{Tenant: f.Tenant, Device: f.Device, NotAfter: f.NotAfter}
	if err := c.check(); err != nil {
		return Credential{}, err
	}
	if now.Unix() > c.NotAfter {
		return Credential{}, fmt.Errorf("%w: not after %d, it is %d", ErrCredentialExpired, c.NotAfter, now.Unix())
	}
	return c, nil
}
