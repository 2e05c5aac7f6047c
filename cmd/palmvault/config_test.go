package main

import (
	"strings"
	"testing"
)

const key = "8f0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func TestParseConfig(t *testing.T) {
	c, err := parseConfig([]byte("[[tenants]]\nname = \"acme\"\noperator = \"" + key + "\"\n[[tenants]]\nname = \"bloom\"\noperator = \"" + key + "\"\n"))
	if err != nil || len(c.tenants) != 2 || c.tenants[1].Name != "bloom" || c.tenants[0].Operator[0] != 0x8f || c.fpir != defaultFPIR {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = parseConfig([]byte("false_positives = 1e-5\n[[tenants]]\nname = \"acme\"\noperator = \"" + key + "\"\n"))
	if err != nil || c.fpir != 1e-5 {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = parseConfig([]byte("restore = true\n[[tenants]]\nname = \"acme\"\noperator = \"" + key + "\"\nrecovery = \"0oRD\"\nrenewal = \"0oRE\"\n"))
	if err != nil || !c.restore || string(c.tenants[0].Recovery) != "\xd2\x84\x43" || string(c.tenants[0].Renewal) != "\xd2\x84\x44" {
		t.Errorf("%+v, %v", c, err)
	}
	for text, want := range map[string]string{
		"[[tenants]]\nname = \"acme\"\noperator = \"" + key + "\"\nrecovery = \"!\"": "recovery is not base64",
		"[[tenants]]\nname = \"acme\"\noperator = \"" + key + "\"\nrenewal = \"!\"":  "renewal is not base64",
		"":                     "no [[tenants]]",
		"tenants = 3":          "incompatible types",
		"[[tenants]]\nname=1":  "incompatible types",
		"[[tenants]]":          "64 hex digits",
		"[[tenants":            "expected",
		"fpir = 1":             "unknown key",
		"[[tenants]]\nkey = 1": "unknown key",
		"[[tenants]]\noperator = \"" + key[2:] + "\"": "64 hex digits",
		strings.Repeat("#", maxConfig+1):              "more than",
	} {
		if _, err := parseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("[[tenants]]\nname = \"acme\"\noperator = \"" + key + "\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseConfig(b); err == nil && len(c.tenants) == 0 {
			t.Fatal("a configuration without tenants")
		}
	})
}
