package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"volar/wire/prov"
)

// sessionFlags are how a command opens a session with the unit behind a port.
type sessionFlags struct {
	lineFlags
	key, ticket string
}

func (f *sessionFlags) add(c *cobra.Command, needed bool) {
	f.lineFlags.add(c)
	c.Flags().StringVar(&f.key, "technician-key", "", "`file` with the technician's key")
	c.Flags().StringVar(&f.ticket, "ticket", "", "`file` with the ticket")
	if needed {
		required(c, "technician-key", "ticket")
	}
}

// open finds the unit and opens a session with it.
func (f *sessionFlags) open(ctx context.Context) (*line, error) {
	key, err := technicianKey(f.key)
	if err != nil {
		return nil, err
	}
	ticket, err := readFile("ticket", f.ticket, prov.MaxTicket)
	if err != nil {
		return nil, err
	}
	l, err := f.find(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := l.Open(ctx, l.status.Serial, key, ticket); err != nil {
		l.close()
		return nil, hint(err, "the ticket must be for unit %s and this key, allow what is asked, and be new: 'palmctl ticket show' says what it allows", l.status.Serial)
	}
	return l, nil
}

// newLogsCommand is 'palmctl logs', or 'palmctl crash'.
func newLogsCommand(crash bool) *cobra.Command {
	var f sessionFlags
	use, short, what := "logs", "Read what a unit has written since it started", prov.ValueLog
	if crash {
		use, short, what = "crash", "Read the end of the run before, if it crashed: it survives a reset", prov.ValueCrash
	}
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Long:  short + ".\n\nUntil the unit is sealed anybody may read it; then it takes a ticket that allows logs.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := f.logs(c.Context(), what)
			if missing(err) {
				err = hint(fmt.Errorf("%s: there is none: %w", use, err), "'palmctl status' says whether the run before crashed")
			}
			if err != nil {
				return err
			}
			lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
			return show(c, struct {
				Lines []string `json:"lines"`
			}{lines}, func(w io.Writer) {
				for _, l := range lines {
					fmt.Fprintln(w, prov.Clean(l))
				}
			})
		},
	}
	f.add(c, false)
	return c
}

// logs reads a log, in a session where a ticket is given.
func (f *sessionFlags) logs(ctx context.Context, what string) ([]byte, error) {
	if f.ticket == "" {
		l, err := f.find(ctx, nil)
		if err != nil {
			return nil, err
		}
		defer l.close()
		b, err := fetchAll(func(from uint32) (prov.Piece, error) { return l.Log(ctx, prov.Fetch{What: what, From: from}) })
		var refused *prov.Failure
		if errors.As(err, &refused) && refused.Code == prov.CodeDenied {
			err = hint(err, "give --ticket and --technician-key, with a ticket that allows logs")
		}
		return b, err
	}
	l, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return (&bench{client: l.Client}).fetch(ctx, what)
}

func newResetCommand() *cobra.Command {
	var f sessionFlags
	var yes string
	c := &cobra.Command{
		Use:   "reset --ticket FILE --technician-key FILE --unit SERIAL",
		Short: "Make a unit forget its keys and all else, for good",
		Long: `reset is the factory reset: the key in the unit's TPM is destroyed first, so that nothing that is left on its
disk can ever be read again, then settings and data are removed, and the unit starts again, blank. It takes
a ticket that allows reset, and the unit's serial number typed as --unit.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer l.close()
			if yes != l.status.Serial {
				return usage(fmt.Errorf("reset: this is unit %s, not %q", l.status.Serial, yes), "type the serial number of the unit that is to forget everything")
			}
			if _, err := l.Do(c.Context(), prov.Forget, prov.Part{Name: "reset"}); err != nil {
				return hint(err, "run the command again: what is destroyed already stays so")
			}
			return show(c, struct {
				Unit  string `json:"unit"`
				Reset bool   `json:"reset"`
			}{l.status.Serial, true}, func(w io.Writer) {
				fmt.Fprintf(w, "unit %s has forgotten its keys and settings and starts again, blank\n", l.status.Serial)
			})
		},
	}
	f.add(c, true)
	c.Flags().StringVar(&yes, "unit", "", "`serial` number of the unit")
	required(c, "unit")
	return c
}
