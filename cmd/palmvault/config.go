package main

import (
	"encoding/base64"
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
	restore bool
}

// configFile is the configuration as TOML:
//
//	false_positives = 1e-4      # optional: share of strangers that may be named
//	restore = true              # optional: take over another platform's gallery, see palmctl recovery
//	[[tenants]]
//	name = "acme"
//	operator = "8f…"            # 64 hex digits: Ed25519 key that signs devices' credentials
//	recovery = "0oRD…"          # optional, base64: the recovery key that the operator signed
//	renewal = "0oRD…"           # optional, base64: the operator's order for renewable codes, see palmctl renew
type configFile struct {
	FalsePositives *float64     `toml:"false_positives"`
	Restore        bool         `toml:"restore"`
	Tenants        []tenantFile `toml:"tenants"`
}

type tenantFile struct {
	Name     string `toml:"name"`
	Operator string `toml:"operator"`
	Recovery string `toml:"recovery"`
	Renewal  string `toml:"renewal"`
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
	cfg := config{fpir: defaultFPIR, restore: f.Restore}
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
		recovery, err := base64.StdEncoding.DecodeString(t.Recovery)
		if err != nil {
			return config{}, fmt.Errorf("read the configuration: tenant %d: recovery is not base64", i+1)
		}
		renewal, err := base64.StdEncoding.DecodeString(t.Renewal)
		if err != nil {
			return config{}, fmt.Errorf("read the configuration: tenant %d: renewal is not base64", i+1)
		}
		cfg.tenants = append(cfg.tenants, vault.Tenant{Name: t.Name, Operator: [32]byte(key), Recovery: recovery, Renewal: renewal})
	}
	return cfg, nil
}
