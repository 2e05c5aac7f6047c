package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"volar/cmd/internal/stack"
	"volar/enclave/attest"
	"volar/firmware"
	"volar/hal"
)

// ownVault is a host and an empty vault that a command starts for itself.
type ownVault struct {
	dir   string
	log   *os.File
	stack *stack.Stack
}

// startVault starts the processes; what they say is kept for an error.
func startVault(ctx context.Context) (*ownVault, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	v := new(ownVault)
	if v.dir, err = os.MkdirTemp("", "palmsim-"); err != nil {
		return nil, err
	}
	if v.log, err = os.Create(filepath.Join(v.dir, "processes.log")); err == nil {
		v.stack, err = stack.Start(ctx, stack.Options{Bin: bin, Dir: v.dir, Log: v.log})
	}
	if err != nil {
		return nil, v.close(err)
	}
	return v, nil
}

// close ends the processes. It returns err, with what they said where there is one.
func (v *ownVault) close(err error) error {
	if v.stack != nil {
		err = errors.Join(err, v.stack.Close())
	}
	if v.log != nil {
		v.log.Close()
		if err != nil {
			err = fmt.Errorf("%w%s", err, tail(v.log.Name()))
		}
	}
	os.RemoveAll(v.dir)
	return err
}

// dialer provisions a device and returns what its firmware dials with. told
// gets what each check of the vault's evidence says.
func (v *ownVault) dialer(dev *hal.Device, told func(attest.Claims)) (func(context.Context) (firmware.Vault, error), error) {
	unit, err := v.stack.Unit(dev.Unit, dev.Identity.Public())
	if err != nil {
		return nil, err
	}
	dial, err := unit.DialerTold(dev.Identity, dev.Store, told)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (firmware.Vault, error) { return dial(ctx) }, nil
}
