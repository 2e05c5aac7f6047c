// Package uplink is how a unit reaches its vault: the file that provisioning
// wrote, and the checked session that comes of it.
package uplink

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/BurntSushi/toml"

	"volar/enclave/attest"
	"volar/hal"
	"volar/wire"
	"volar/wire/link"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 64 << 10

// dialFor is how long a host may take to accept a connection.
const dialFor = 5 * time.Second

// Config is a unit's configuration, in TOML.
type Config struct {
	Unit       string `toml:"unit"`       // the unit's name, for people
	Tenant     string `toml:"tenant"`     // whose unit it is
	Host       string `toml:"host"`       // host:port of the palmhost
	Credential string `toml:"credential"` // hex; the operator's signature over the unit's key

	// Which vaults the unit speaks to. Development lets it accept evidence of
	// the kind "simulated", which proves nothing.
	Development  bool     `toml:"development"`
	Measurements []string `toml:"measurements"` // hex SHA-256 of vault programs
	Simulated    []string `toml:"simulated"`    // hex Ed25519 keys of simulated platforms
}

// Load reads and checks a configuration file. Keys that it does not know are
// refused: a misspelt name must not switch off what it was meant to switch on.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("uplink: %s: longer than the %d bytes allowed", path, maxFile)
	}
	c, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("uplink: %s: %w", path, err)
	}
	return c, nil
}

// Parse reads and checks a configuration.
func Parse(b []byte) (*Config, error) {
	var c Config
	meta, err := toml.Decode(string(b), &c)
	if err != nil {
		return nil, err
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return nil, fmt.Errorf("unknown key %q", extra[0].String())
	}
	if _, _, err := c.parts(); err != nil {
		return nil, err
	}
	return &c, nil
}

// Encode is what Parse reads.
func (c *Config) Encode() ([]byte, error) {
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(c)
	return b.Bytes(), err
}

// parts decodes and checks the fields that are text in the file.
func (c *Config) parts() (credential []byte, policy attest.Policy, err error) {
	if err := wire.CheckTenant(c.Tenant); err != nil {
		return nil, policy, err
	}
	if _, _, err := net.SplitHostPort(c.Host); err != nil {
		return nil, policy, fmt.Errorf("host %q: %w", c.Host, err)
	}
	if credential, err = hex.DecodeString(c.Credential); err != nil || len(credential) == 0 {
		return nil, policy, errors.New("credential: not hex, or missing: ask the operator for one for this unit's key")
	}
	policy = attest.Policy{Tenant: c.Tenant, Development: c.Development}
	for _, s := range c.Measurements {
		m, err := key(s)
		if err != nil {
			return nil, policy, fmt.Errorf("measurements: %w", err)
		}
		policy.Measurements = append(policy.Measurements, m)
	}
	if len(policy.Measurements) == 0 {
		return nil, policy, errors.New("measurements: none, so no vault would ever be accepted")
	}
	for _, s := range c.Simulated {
		k, err := key(s)
		if err != nil {
			return nil, policy, fmt.Errorf("simulated: %w", err)
		}
		policy.Simulated = append(policy.Simulated, ed25519.PublicKey(k[:]))
	}
	if len(policy.Simulated) > 0 && !c.Development {
		return nil, policy, errors.New("simulated: keys are given but development is not true")
	}
	return credential, policy, nil
}

func key(s string) (k [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, fmt.Errorf("%q is not %d bytes of hex", s, len(k))
	}
	return [32]byte(b), nil
}

// Dialer returns what firmware.Config.Dial wants. warn, where set, is told
// in plain words, once, that evidence proves nothing.
func (c *Config) Dialer(identity hal.Identity, warn func(string)) (func(context.Context) (*link.Session, error), error) {
	credential, policy, err := c.parts()
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	verify := func(evidence []byte, nonce [32]byte) ([32]byte, error) {
		claims, err := attest.Verify(evidence, policy, nonce, time.Now())
		if err != nil {
			return [32]byte{}, err
		}
		if notice := claims.Notice(); notice != "" && warn != nil {
			warn(notice)
			warn = nil
		}
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
