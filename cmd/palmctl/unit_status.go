package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"volar/wire/prov"
)

// statusView is a unit's status for people and machines.
type statusView struct {
	prov.Status
	State string `json:"state"`
	Port  string `json:"port"`
	Rate  int    `json:"rate"`
}

func newStatusCommand() *cobra.Command {
	var f lineFlags
	var wait time.Duration
	c := &cobra.Command{
		Use:   "status",
		Short: "Ask the unit behind a serial port what it is and how it is",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := f.await(c.Context(), wait)
			if err != nil {
				return err
			}
			defer l.close()
			return showStatus(c, l)
		},
	}
	f.add(c)
	c.Flags().DurationVar(&wait, "wait", 0, "how long to wait for a unit that starts")
	return c
}

// await is find, again until a unit answers or wait is over.
func (f lineFlags) await(ctx context.Context, wait time.Duration) (*line, error) {
	for end := time.Now().Add(wait); ; {
		l, err := f.find(ctx, nil)
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return l, err
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func showStatus(c *cobra.Command, l *line) error {
	st := l.status
	return show(c, statusView{st, st.State.String(), l.path, l.rate}, func(w io.Writer) {
		fmt.Fprintf(w, "unit      %s\nboard     %s\nfirmware  %s in slot %s\nstate     %s\n", st.Serial, st.Board, st.Firmware, st.Slot, st.State)
		if st.Name != "" {
			fmt.Fprintf(w, "name      %s\n", st.Name)
		}
		fmt.Fprintf(w, "up        %v\nclock     %s\n", time.Duration(st.Up)*time.Second, time.Unix(st.Time, 0).UTC().Format(time.DateTime+" MST"))
		for _, more := range []struct{ name, text string }{{"health", st.Seen}, {"update", st.Update}} {
			if more.text != "" {
				fmt.Fprintf(w, "%-9s %s\n", more.name, more.text)
			}
		}
		if st.Crashed {
			fmt.Fprintln(w, "crash     the run before ended in one: 'palmctl crash' shows its end")
		}
		if st.Session {
			fmt.Fprintln(w, "session   a bench has one open")
		}
		fmt.Fprintf(w, "port      %s at %d\n", l.path, l.rate)
	})
}
