package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"volar/enclave/attest/broker"
	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/chip"
)

// What lies in the state folder of a platform on a TPM.
const (
	tpmFile         = "tpm-platform"   // chip.State
	certificateFile = "ak-certificate" // what palmctl platform certify made; may be missing
)

// machine is a platform on a TPM.
type machine struct {
	folder folder
	chip   *chip.Chip
	state  []byte // nil: not set up yet
}

// openMachine connects to the TPM and reads the platform's state, if any.
func openMachine(f folder, path string) (*machine, error) {
	m := &machine{folder: f}
	var err error
	if m.state, err = f.read(tpmFile, chip.MaxState); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open state: %w", err)
	}
	if m.chip, err = chip.Open(path); err != nil {
		return nil, err
	}
	return m, nil
}

// setUp makes the platform where there is none. The release key of the
// approval is the one whose vaults it will ever open its secrets to.
func (m *machine) setUp(a tpm.Approval) error {
	if m.state != nil {
		return nil
	}
	if err := a.Check(); err != nil {
		return err
	}
	return m.chip.SetUp(a.Release, func(state []byte) error {
		m.state = state
		return m.folder.write(tpmFile, state)
	})
}

// start measures the vault and opens the platform's secrets for it.
func (m *machine) start(measurement [32]byte, a tpm.Approval) (broker.Platform, error) {
	if err := m.setUp(a); err != nil {
		return nil, err
	}
	certificate, err := m.folder.read(certificateFile, tpm.MaxCertificate)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open state: %w", err)
	}
	return m.chip.Start(chip.Launch{State: m.state, Measurement: measurement, Approval: a, Certificate: certificate})
}

// readApproval reads the release key's word for this vault.
func readApproval(path string, measurement [32]byte) (tpm.Approval, error) {
	b, err := readFile(path, tpm.MaxApproval)
	if err != nil {
		return tpm.Approval{}, fmt.Errorf("read the approval: %w", err)
	}
	a, err := tpm.ParseApproval(b)
	if err != nil {
		return a, fmt.Errorf("%s: %w", path, err)
	}
	if a.Measurement != measurement {
		return a, fmt.Errorf("%s: %w: it approves vault %x, this is %x", path, chip.ErrApproval, a.Measurement[:8], measurement[:8])
	}
	return a, nil
}

// facts says what approvals and policies need to know of the machine.
func (m *machine) facts(f *facts) error {
	boot, err := m.chip.Boot()
	if err != nil {
		return err
	}
	if f.TPM, err = m.chip.Maker(); err != nil {
		return err
	}
	for _, v := range boot {
		f.Boot = append(f.Boot, hex.EncodeToString(v[:]))
	}
	f.Notice = boot.Notice()
	if m.state == nil {
		return nil
	}
	st, err := chip.ParseState(m.state)
	if err != nil {
		return err
	}
	key, err := st.AttestationKey()
	f.Key, f.Release = hex.EncodeToString(key[:]), hex.EncodeToString(st.Release[:])
	return err
}
