package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"volar/cmd/internal/replay"
	"volar/sim"
	"volar/wire"
)

// record is the command that makes tapes of synthetic people.
type record struct {
	out    string
	script string
	people int
	waves  int
	seed   uint64
	json   bool
	live   live      // of a board
	say    io.Writer // the result
	log    io.Writer // progress
}

// Limits of a recording. A wave takes some 20 MB.
const (
	maxRecordPeople = 1000
	maxRecordWaves  = 10_000
)

func newRecordCommand() *cobra.Command {
	r := record{}
	c := &cobra.Command{
		Use:   "record --out FILE",
		Short: "Record waves of synthetic people to a tape",
		Long: `record lets synthetic people come to the real firmware, with an empty vault of its own, and writes
to a tape all that the cameras saw, what the device said, and what was decided. Equal commands
write equal tapes. First each person is enrolled with both hands, then people come
in turn to be identified. A script (--script, one JSON object a line, as palmd takes it) says
otherwise. A wave takes some 20 MB.

With --board, real people come to the board that palmsim runs on, --waves of them or, with 0, until
Ctrl-C; --consent says what they agreed to, and stays on the tape.

Exit codes: 0 recorded, 1 the tape could not be written or the processes failed, 2 wrong usage or
script, 3 interrupted (the tape is readable up to there).`,
		Example: `  palmsim record --out two.mcap --people 2 --waves 4
  palmsim record --out desk.mcap --board rpi4 --enrol --waves 20 --consent "staff test, form 12"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.say, r.log = c.OutOrStdout(), c.ErrOrStderr()
			return r.run(c.Context())
		},
	}
	c.Flags().StringVarP(&r.out, "out", "o", "", "the tape to write; it must not exist yet")
	c.Flags().StringVar(&r.script, "script", "", "`file` that says who comes, one JSON object a line")
	c.Flags().IntVar(&r.people, "people", 1, "how many people to enrol")
	c.Flags().IntVar(&r.waves, "waves", 2, "how many waves to identify after that")
	c.Flags().Uint64Var(&r.seed, "seed", 1, "what the people and their movements are drawn from")
	c.Flags().StringVar(&r.live.board, "board", "", "record people before this `board`, on which palmsim runs")
	c.Flags().StringVar(&r.live.consent, "consent", "", "of a board: who agreed to what, and when")
	c.Flags().StringVar(&r.live.calibration, "calibration", "", "of a board: `file` that palmctl calibrate wrote")
	c.Flags().StringVar(&r.live.unit, "unit", "bench", "of a board: its serial number")
	c.Flags().BoolVar(&r.live.enrol, "enrol", false, "of a board: the first person enrols")
	c.Flags().BoolVar(&r.json, "json", false, "print the summary of the tape as JSON")
	if err := c.MarkFlagRequired("out"); err != nil {
		panic(err) // the flag is declared above
	}
	return c
}

func (r *record) run(ctx context.Context) error {
	script, err := r.presentations()
	if err != nil {
		return usageError{err}
	}
	f, err := os.OpenFile(r.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return usageError{fmt.Errorf("record: %w", err)}
	}
	if r.live.board != "" {
		err := errors.Join(r.live.record(ctx, f, r.waves, r.log), f.Close())
		if info, stat := os.Stat(r.out); err != nil && (stat != nil || info.Size() == 0) {
			return errors.Join(err, os.Remove(r.out))
		} else if err != nil {
			return err
		}
		return summarise(context.WithoutCancel(ctx), r.out, r.json, r.say)
	}
	bar := newProgress(r.log, "presentations", len(script))
	film := replay.Film{Script: script, Seed: r.seed, Done: func(sim.Result) { bar.add(1) }, Fault: func(s string) { fmt.Fprintln(r.log, s) }}
	err = errors.Join(film.Shoot(ctx, f), f.Close())
	bar.end()
	if err != nil && ctx.Err() != nil {
		return hinted{err, r.out + " holds what came before: play it, or remove it to record anew"}
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return summarise(ctx, r.out, r.json, r.say)
}

// presentations are those of the script, or who enrols and then comes again.
func (r *record) presentations() ([]sim.Presentation, error) {
	if r.script != "" {
		f, err := os.Open(r.script)
		if err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		defer f.Close()
		return sim.ParseScript(f)
	}
	if r.people < 1 || r.people > maxRecordPeople || r.waves < 0 || r.waves > maxRecordWaves {
		return nil, fmt.Errorf("record: %d people and %d waves, allowed 1 to %d and 0 to %d", r.people, r.waves, maxRecordPeople, maxRecordWaves)
	}
	var list []sim.Presentation
	for n := range r.people + r.waves {
		p := sim.Presentation{ID: n + 1, Purpose: wire.Enrol.String(), Person: n % r.people, Kind: sim.Genuine}
		if n >= r.people {
			p.Purpose = wire.Identify.String()
		}
		list = append(list, p)
	}
	return list, nil
}
