package main

import (
	"encoding/hex"
	"encoding/json"
	"io"
)

// facts are what approvals and devices' policies need to know, in hex where
// they are bytes.
type facts struct {
	Platform    string   `json:"platform"`          // tpm or simulated
	Measurement string   `json:"measurement"`       // SHA-256 of the vault program
	Key         string   `json:"key,omitempty"`     // tpm: SHA-256 of the attestation key's public area; simulated: the signing key
	Boot        []string `json:"boot,omitempty"`    // PCR 0 to 9
	Release     string   `json:"release,omitempty"` // the release key that secrets are sealed to, x and y
	TPM         string   `json:"tpm,omitempty"`     // maker and model, as the chip says
	Notice      string   `json:"notice"`            // what evidence does not prove, in plain words
}

// printFacts writes the facts as one line of JSON.
func printFacts(o options, program *image, state folder, out io.Writer) error {
	f := facts{Platform: o.platform, Measurement: hex.EncodeToString(program.measurement[:])}
	if o.platform == platformSimulated {
		s, err := openSimulation(state)
		if err != nil {
			return err
		}
		s.facts(&f)
		return json.NewEncoder(out).Encode(f)
	}
	m, err := openMachine(state, o.tpm)
	if err != nil {
		return err
	}
	defer m.chip.Close()
	if o.approval != "" {
		a, err := readApproval(o.approval, program.measurement)
		if err == nil {
			err = m.setUp(a)
		}
		if err != nil {
			return err
		}
	}
	if err := m.facts(&f); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(f)
}
