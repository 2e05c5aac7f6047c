package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"volar/enclave/attest/tpm/chip"
)

// maxLine bounds a line of an operator's, in bytes.
const maxLine = 64 << 10

// What passes between this program and 'palmctl platform certify', one line
// of JSON each.
type (
	introduction struct {
		Key         []byte `json:"key"`         // attestation key, x and y
		Release     []byte `json:"release"`     // release key, x and y
		Endorsement []byte `json:"endorsement"` // certificate of the TPM's endorsement key, DER
	}
	challenge struct {
		Credential []byte `json:"credential"`
		Secret     []byte `json:"secret"`
	}
	answer struct {
		Answer []byte `json:"answer"`
	}
)

// activate introduces the platform to an operator, and shows that its
// attestation key lies in the TPM whose certificate it gave. A vault may be
// running meanwhile.
func activate(o options, state folder, in io.Reader, out io.Writer) error {
	m, err := openMachine(state, o.tpm)
	if err != nil {
		return err
	}
	defer m.chip.Close()
	if m.state == nil {
		return errors.New("there is no platform yet: start it, or use -print with -approval, once")
	}
	st, err := chip.ParseState(m.state)
	if err != nil {
		return err
	}
	key, err := st.PublicKey()
	if err != nil {
		return err
	}
	endorsement, err := m.chip.Endorsement()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(introduction{key[:], st.Release[:], endorsement}); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxLine)).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the challenge: %w", err)
	}
	var c challenge
	if err := json.Unmarshal(line, &c); err != nil {
		return fmt.Errorf("read the challenge: %w", err)
	}
	opened, err := m.chip.Activate(m.state, c.Credential, c.Secret)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(answer{opened})
}
