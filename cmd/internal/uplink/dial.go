package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/nitro"
	"volar/enclave/attest/sevsnp"
	"volar/enclave/attest/simulated"
	"volar/enclave/attest/tdx"
	"volar/enclave/attest/tpm"
	"volar/hal"
	"volar/wire/link"
)

// dialFor is how long a host may take to accept a connection.
const dialFor = 5 * time.Second

// seenKey is where a unit keeps what it has seen of policies and vaults.
const seenKey = "vault.seen"

// verifiers are the kinds of evidence that a unit can check. Which of them
// it accepts is the policy's to say.
var verifiers = []attest.Verifier{tpm.Verifier{}, nitro.Verifier{}, sevsnp.Verifier{}, tdx.Verifier{}, simulated.Verifier{}}

// Dialer returns what firmware.Config.Dial wants. Every session, and every
// renewal of one, begins with the policy of that moment and fresh evidence;
// what they say is remembered in store. warn, where set, is told in plain
// words, once, what the evidence does not prove.
func (c *Config) Dialer(identity hal.Identity, store hal.Store, warn func(string)) (func(context.Context) (*link.Session, error), error) {
	return c.DialerTold(identity, store, func(claims attest.Claims) {
		if claims.Notice != "" && warn != nil {
			warn(claims.Notice)
			warn = nil
		}
	})
}

// DialerTold is Dialer for a program that shows whom it speaks to: told gets
// what the evidence says each time it has been checked.
func (c *Config) DialerTold(identity hal.Identity, store hal.Store, told func(attest.Claims)) (func(context.Context) (*link.Session, error), error) {
	credential, operator, err := c.parts()
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	if identity == nil || store == nil {
		return nil, errors.New("uplink: no identity or no store")
	}
	guard := &attest.Guard{
		Tenant: c.Tenant, Operator: operator, Development: c.Development, Verifiers: verifiers,
		Policy:   func() ([]byte, error) { return readPolicy(c.Policy) },
		Recall:   func() ([]byte, error) { return recall(store) },
		Remember: func(b []byte) error { return store.Put(seenKey, b) },
	}
	verify := func(evidence []byte, nonce [32]byte) ([32]byte, error) {
		claims, err := guard.Check(evidence, nonce, time.Now())
		if err != nil {
			return [32]byte{}, err
		}
		told(claims)
		return claims.VaultKey, nil
	}
	return func(ctx context.Context) (*link.Session, error) {
		dial := net.Dialer{Timeout: dialFor}
		conn, err := dial.DialContext(ctx, "tcp", c.Host)
		if err != nil {
			return nil, fmt.Errorf("uplink: %w", err)
		}
		return link.Dial(ctx, conn, link.ClientConfig{
			Tenant: c.Tenant, Static: identity, Credential: credential, Verify: verify,
		})
	}, nil
}

// readPolicy reads no more of a file than a policy may be long; one that is
// longer is refused for that.
func readPolicy(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, attest.MaxPolicy+1))
}

func recall(store hal.Store) ([]byte, error) {
	b, err := store.Get(seenKey)
	if errors.Is(err, hal.ErrNotFound) {
		return nil, nil
	}
	if err == nil && len(b) == 0 {
		return nil, errors.New("the record is empty") // nothing is what a unit that never wrote one has
	}
	return b, err
}
