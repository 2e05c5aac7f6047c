package chip

import (
	"encoding/binary"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
)

// counterPublic is the counter's public area. Only who knows its auth value
// may read it or count, and nobody is ever locked out of it by guessing.
func counterPublic(written bool) tpm2.TPMSNVPublic {
	return tpm2.TPMSNVPublic{NVIndex: counterHandle, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8,
		Attributes: tpm2.TPMANV{AuthWrite: true, AuthRead: true, NT: tpm2.TPMNTCounter, NoDA: true, Written: written}}
}

// counterName names the counter once it has counted. It is computed and never
// asked for: a liar between processor and chip could name another counter.
func counterName(written bool) (tpm2.TPM2BName, error) {
	p := counterPublic(written)
	n, err := tpm2.NVName(&p)
	if err != nil {
		return tpm2.TPM2BName{}, err
	}
	return *n, nil
}

// fixedName is the name in the form of package tpm.
func fixedName() (tpm.Name, error) {
	n, err := counterName(true)
	if err != nil || len(n.Buffer) != len(tpm.Name{}) {
		return tpm.Name{}, fmt.Errorf("counter's name of %d bytes: %w", len(n.Buffer), err)
	}
	return tpm.Name(n.Buffer), nil
}

// counter names the counter and says how its user is known.
func (c *Chip) counter(auth []byte, written bool) (tpm2.AuthHandle, tpm2.NamedHandle, error) {
	name, err := counterName(written)
	return tpm2.AuthHandle{Handle: counterHandle, Name: name, Auth: c.session(auth)}, tpm2.NamedHandle{Handle: counterHandle, Name: name}, err
}

// count moves the counter by one, for the vault that was started last: a
// counter cannot tell who moved it, and one vault's step would commit what
// another one has sealed for the same epoch.
func (c *Chip) count(t transport.TPM, auth []byte, written bool) error {
	user, index, err := c.counter(auth, written)
	if err != nil {
		return err
	}
	// Another vault needs a reset of the chip, and a reset ends all sessions.
	// The session of the step is older than the look at the resets, so none
	// fits between the two.
	if err := user.Auth.Init(t); err != nil {
		return err
	}
	if err := c.sameStart(t); err != nil {
		flush(t, user.Auth.Handle())
		return err
	}
	_, err = tpm2.NVIncrement{AuthHandle: user, NVIndex: index}.Execute(t)
	return err
}

// readCounter is the counter's value.
func (c *Chip) readCounter(t transport.TPM, auth []byte) (uint64, error) {
	user, index, err := c.counter(auth, true)
	if err != nil {
		return 0, err
	}
	r, err := tpm2.NVRead{AuthHandle: user, NVIndex: index, Size: 8}.Execute(t)
	if err != nil {
		return 0, err
	}
	if len(r.Data.Buffer) != 8 {
		return 0, fmt.Errorf("counter of %d bytes", len(r.Data.Buffer))
	}
	return binary.BigEndian.Uint64(r.Data.Buffer), nil
}
