package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"volar/firmware/provision"
	"volar/firmware/provision/rehearsal"
	"volar/hal"
	"volar/wire/prov"
)

// A system on trial is judged while the provisioning port is being opened. It
// must not pass before the unit has read that it is sealed, and so has a device
// program to wait for.
func TestNotHealthyBeforeItIsKnownToBeSealed(t *testing.T) {
	for _, c := range []struct {
		state prov.State
		good  bool // as soon as the port is served
	}{{prov.Blank, true}, {prov.Sealed, false}} {
		t.Run(c.state.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &keeper{log: slog.New(slog.DiscardHandler), palmd: new(supervisor)}
				cable := rehearsal.NewCable(1, rehearsal.Faults{})
				port := prov.NewPort(cable.Unit)
				defer port.Close()
				refused := func(when string) {
					if err := k.health().Judge(); err == nil {
						t.Error("healthy " + when)
					}
				}
				u := blank(t)
				u.Apply = func(p provision.Provisioned) error {
					refused("before it knows what it was provisioned to")
					p.State = c.state
					return k.apply(p, nil)
				}
				ended := make(chan error, 1)
				go func() { ended <- k.answer(t.Context(), port, u) }()
				synctest.Wait()
				if err := k.health().Judge(); (err == nil) != c.good {
					t.Errorf("while the port is served: %v", err)
				}
				cable.Pull()
				if err := <-ended; err == nil {
					t.Error("it serves a line that was pulled")
				}
				refused("without its port")
			})
		})
	}
}

// blank is a unit that was never provisioned, with what answering its port takes.
func blank(t *testing.T) *provision.Unit {
	t.Helper()
	made := rehearsal.NewUnit("UNIT-1")
	identity, err := provision.IdentityOf(made.Secret())
	if err != nil {
		t.Fatal(err)
	}
	return &provision.Unit{
		Serial: made.Serial, Board: "qemu-virt", Version: "1.0.0", Slot: "a", Built: time.Unix(1, 0),
		Authority: make(ed25519.PublicKey, ed25519.PublicKeySize), Store: made.Store, Chip: made.Chip, Identity: identity,
		Open:    func() (*hal.Device, error) { return nil, errors.New("no board") },
		Dial:    func(context.Context, string) error { return nil },
		Logs:    func(bool) ([]byte, error) { return nil, hal.ErrNotFound },
		SetTime: func(time.Time) error { return nil },
		Reset:   func() error { return nil },
		Restart: func() {},
	}
}
