// Package uplink is how a unit reaches its vault: the files that provisioning
// wrote, and the checked session that comes of them.
package uplink

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"

	"volar/wire"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 64 << 10

// Config is a unit's configuration, in TOML.
type Config struct {
	Unit       string `toml:"unit"`       // the unit's name, for people
	Tenant     string `toml:"tenant"`     // whose unit it is
	Host       string `toml:"host"`       // host:port of the palmhost
	Credential string `toml:"credential"` // hex; the operator's signature over the unit's key

	// Which vaults the unit speaks to is the operator's policy to say. A
	// policy for development is refused unless this says development too.
	Operator    string `toml:"operator"` // hex; the tenant's operator, Ed25519
	Policy      string `toml:"policy"`   // file with the signed policy; read again for every session
	Development bool   `toml:"development"`
}

// Load reads and checks a configuration file. Keys that it does not know are
// refused: a misspelt name must not switch off what it was meant to switch on.
// A policy's path is taken from the file's folder on.
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
	if !filepath.IsAbs(c.Policy) {
		c.Policy = filepath.Join(filepath.Dir(path), c.Policy)
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
func (c *Config) parts() (credential []byte, operator ed25519.PublicKey, err error) {
	if err := wire.CheckTenant(c.Tenant); err != nil {
		return nil, nil, err
	}
	if _, _, err := net.SplitHostPort(c.Host); err != nil {
		return nil, nil, fmt.Errorf("host %q: %w", c.Host, err)
	}
	if credential, err = hex.DecodeString(c.Credential); err != nil || len(credential) == 0 {
		return nil, nil, errors.New("credential: not hex, or missing: ask the operator for one for this unit's key")
	}
	if operator, err = hex.DecodeString(c.Operator); err != nil || len(operator) != ed25519.PublicKeySize {
		return nil, nil, fmt.Errorf("operator: %q is not %d bytes of hex", c.Operator, ed25519.PublicKeySize)
	}
	if c.Policy == "" {
		return nil, nil, errors.New("policy: no file, so no vault would ever be accepted")
	}
	return credential, operator, nil
}
