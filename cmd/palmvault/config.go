package main

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/BurntSushi/toml"

	"volar/enclave/vault"
)

const (
	maxConfig   = 64 << 10
	defaultFPIR = 1e-4
)

// config is what the host may decide about a vault. It is not measured:
// nothing in it may let the host see or change anything that it could not
// otherwise, which is why a gallery belongs to an operator's key and a
// false-positive rate has an upper limit.
type config struct {
	tenants []vault.Tenant
	fpir    float64
}

// configFile is the configuration as TOML:
//
//	false_positives = 1e-4      # optional: share of strangers that may be named
//	[[tenants]]
//	name = "acme"
//	operator = "8f…"            # 64 hex digits: Ed25519 key that signs devices' credentials
type configFile struct {
	FalsePositives *float64     `toml:"false_positives"`
	Tenants        []tenantFile `toml:"tenants"`
}

type tenantFile struct {
	Name     string `toml:"name"`
	Operator string `toml:"operator"`
}

// parseConfig reads the configuration. A key that it does not know is an error.
func parseConfig(b []byte) (config, error) {
	if len(b) > maxConfig {
		return config{}, fmt.Errorf("read the configuration: more than %d bytes", maxConfig)
	}
	var f configFile
	meta, err := toml.Decode(string(b), &f)
	if err != nil {
		return config{}, fmt.Errorf("read the configuration: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return config{}, fmt.Errorf("read the configuration: unknown key %q", unknown[0].String())
	}
	cfg := config{fpir: defaultFPIR}
	if f.FalsePositives != nil {
		cfg.fpir = *f.FalsePositives
	}
	if len(f.Tenants) == 0 {
		return config{}, errors.New("read the configuration: no [[tenants]]")
	}
	for i, t := range f.Tenants {
		key, err := hex.DecodeString(t.Operator)
		if err != nil || len(key) != 32 {
			return config{}, fmt.Errorf("read the configuration: tenant %d: operator is not 64 hex digits", i+1)
		}
		cfg.tenants = append(cfg.tenants, vault.Tenant{Name: t.Name, Operator: [32]byte(key)})
	}
	return cfg, nil
}
