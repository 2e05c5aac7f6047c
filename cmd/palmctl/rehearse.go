package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/creack/pty"
	"github.com/spf13/cobra"

	"volar/firmware/image"
	"volar/firmware/provision/rehearsal"
	"volar/wire/prov"
)

func newRehearseCommand() *cobra.Command {
	var authority, serial string
	c := &cobra.Command{
		Use:   "rehearse --authority FILE",
		Short: "Be a unit made of software behind a port, to practise provisioning on",
		Long: `rehearse plays a new unit until it is stopped. It prints the port at which the unit answers. Its TPM is no TPM,
its cameras see a wall, and no person is needed: a plan for it says development = true and calibration = "design".`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			key, err := image.ReadAuthority(authority)
			if err != nil {
				return usage(err, "give the authority's key, or its public half as 64 hex digits")
			}
			u := rehearsal.NewUnit(serial)
			u.Authority = key
			return rehearse(c, u)
		},
	}
	c.Flags().StringVar(&authority, "authority", "", "`file` or hex digits: whose tickets the unit takes")
	c.Flags().StringVar(&serial, "unit", "REHEARSAL-1", "`serial` number of the unit")
	required(c, "authority")
	return c
}

// rehearse serves a unit at a pty until the command is stopped.
func rehearse(c *cobra.Command, u *rehearsal.Unit) error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	defer slave.Close() // held open, so that the port stays when a bench leaves
	raw, err := openLine(slave.Name(), prov.Rates[0])
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	if err := raw.Close(); err != nil { // its settings stay
		return fmt.Errorf("rehearse: %w", err)
	}
	ctx, end := context.WithCancel(c.Context())
	defer end()
	context.AfterFunc(ctx, func() { master.Close() })
	made := struct {
		Unit string `json:"unit"`
		Port string `json:"port"`
	}{u.Serial, slave.Name()}
	if err := show(c, made, func(w io.Writer) {
		fmt.Fprintf(w, "unit %s answers at %s until you press Ctrl-C\n", made.Unit, made.Port)
	}); err != nil {
		return err
	}
	if err := u.Serve(ctx, master); err != nil && ctx.Err() == nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("rehearse: %w", err)
	}
	return nil
}
