package link

import (
	"crypto/ed25519"
	"crypto/subtle"
	"errors"
	"time"

	"volar/wire"
)

// CheckCredential is what a vault's Authorise does once it has found the
// operator of the hello's tenant: the credential must be the operator's, in
// time, and for this tenant and this device's key.
func CheckCredential(h wire.Hello, deviceKey [32]byte, credential []byte, operator ed25519.PublicKey, now time.Time) error {
	c, err := wire.VerifyCredential(credential, operator, now)
	if err != nil {
		return err
	}
	if c.Tenant != h.Tenant {
		return errors.New("link: check credential: it is for another tenant")
	}
	if subtle.ConstantTimeCompare(c.Device[:], deviceKey[:]) != 1 {
		return errors.New("link: check credential: it is for another device")
	}
	return nil
}
