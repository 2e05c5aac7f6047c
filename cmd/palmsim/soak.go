package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"volar/cmd/internal/drill"
)

// maxRejected: one presentation in so many may reject a person who is enrolled.
const maxRejected = 8

// maxSoak bounds a soak, in hours.
const maxSoak = 24 * 14

func newSoakCommand() *cobra.Command {
	var hours float64
	var seed uint64
	var asJSON bool
	c := &cobra.Command{
		Use:   "soak --hours H",
		Short: "Let people come for hours while processes are killed, and see whether anything grows",
		Long: `soak lets synthetic people come to a device, with a host and a vault as processes, and kills one of
these with -9 in every other round. In the end it fits a line to the memory, the files and the
goroutines of each, and fails where one grows, where a decision was wrong, or where something is left
behind. The processes must lie beside this program.

Exit codes: 0 all is flat, 1 something grows or was wrong, 2 wrong usage, 3 interrupted.`,
		Example: "  palmsim soak --hours 12",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !(hours > 0 && hours <= maxSoak) {
				return usageError{fmt.Errorf("--hours %g, allowed above 0 to %d", hours, maxSoak)}
			}
			bin, err := programs()
			if err != nil {
				return err
			}
			told := time.Now()
			s, err := drill.RunSoak(c.Context(), bin, seed, time.Duration(hours*float64(time.Hour)), func(round int, left time.Duration) {
				if time.Since(told) > 10*time.Second {
					told = time.Now()
					fmt.Fprintf(c.ErrOrStderr(), "round %d, %v left\n", round, max(left, 0).Round(time.Second))
				}
			})
			if err != nil {
				return fmt.Errorf("soak: %w", err)
			}
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(s); err != nil {
					return err
				}
			} else if err := showSoak(c.OutOrStdout(), s); err != nil {
				return err
			}
			return soakVerdict(s)
		},
	}
	c.Flags().Float64Var(&hours, "hours", 1, "how long")
	c.Flags().Uint64Var(&seed, "seed", 1, "what people, movements and moments are drawn from")
	c.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return c
}

func showSoak(out io.Writer, s *drill.Soak) error {
	t := bufio.NewWriter(out)
	fmt.Fprintf(t, "%-22s %10s %12s %10s %10s\n", "measure", "median", "an hour", "grown", "allowed")
	for _, m := range s.Trends {
		mark := ""
		if !m.Flat() {
			mark = "GROWS"
		}
		fmt.Fprintf(t, "%-22s %10.0f %+12.1f %+10.1f %10.1f  %s\n", m.Name, m.Median, m.PerHour, m.Grown, m.Allowed, mark)
	}
	fmt.Fprintf(t, "%d rounds, %d presentations, %d wrong, %d rejected though enrolled, %d processes killed\n", s.Rounds, s.Presentations, s.Wrong, s.Rejected, s.Restarts)
	for _, w := range s.Whys {
		fmt.Fprintf(t, "wrong: %s\n", w)
	}
	for _, l := range s.Left {
		fmt.Fprintf(t, "left behind: %s\n", l)
	}
	return t.Flush()
}

func soakVerdict(s *drill.Soak) error {
	grows := 0
	for _, m := range s.Trends {
		if !m.Flat() {
			grows++
		}
	}
	switch {
	case s.Wrong > 0:
		return fmt.Errorf("soak: %d wrong decisions", s.Wrong)
	case s.Rejected*maxRejected > s.Presentations:
		return fmt.Errorf("soak: %d of %d presentations rejected people who are enrolled", s.Rejected, s.Presentations)
	case grows > 0:
		return fmt.Errorf("soak: %d measures grow", grows)
	case len(s.Left) > 0:
		return fmt.Errorf("soak: %d things are left behind", len(s.Left))
	}
	return nil
}
