package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"volar/boards"
	"volar/firmware"
	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
)

func newReplayCommand() *cobra.Command {
	r := replay{}
	c := &cobra.Command{
		Use:   "replay TAPE",
		Short: "Play a tape to the real firmware and vault, and print their decisions",
		Long: `replay gives the shots of a tape to the firmware in place of a camera, with a host and an
empty vault of its own, started as processes on loopback. It prints a line for each wave: what was
asked for, what was decided, whether that is right where the tape says who came, and what was
decided when it was recorded where that differs. The vault knows whom the tape enrols, and nobody else.

Exit codes: 0 played to its end, 1 a decision was wrong or the tape is cut or damaged, 2 it is no
tape that can be replayed or the command line is wrong, 3 interrupted.`,
		Example: "  palmsim record --out two.mcap --people 2 && palmsim replay two.mcap",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.out, r.log = c.OutOrStdout(), c.ErrOrStderr()
			return r.run(c.Context(), args[0])
		},
	}
	c.Flags().BoolVar(&r.json, "json", false, "print a line of JSON for each wave, and one in the end")
	return c
}

// replay is the command's work.
type replay struct {
	json bool
	out  io.Writer
	log  io.Writer
}

func (r *replay) run(ctx context.Context, path string) error {
	t, closer, err := openTape(path)
	if err != nil {
		return err
	}
	defer closer.Close()
	if t.Calibration() == nil {
		return usageError{fmt.Errorf("%s: no calibration, so no shots: a tape of stills cannot be replayed; eval reads pictures", path)}
	}
	dev, err := replayDevice(t)
	if err != nil {
		return err
	}
	v, err := startVault(ctx)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	dial, err := v.dialer(dev, r.log)
	if err != nil {
		return v.close(err)
	}
	show := &replayShow{json: r.json, out: &textWriter{to: r.out}}
	err = r.play(ctx, t, dev, show, dial)
	return v.close(errors.Join(err, show.end()))
}

// replayDevice is a simulated board that is calibrated as the tape's was.
func replayDevice(t *tape.Reader) (*hal.Device, error) {
	board, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		return nil, err
	}
	b, err := sim.New(sim.Options{Board: board, Unit: t.Meta().Unit})
	if err != nil {
		return nil, err
	}
	dev := b.Device()
	dev.Board, dev.Calibration = t.Meta().Board, *t.Calibration()
	return dev, nil
}

// play runs the firmware until the tape ends.
func (r *replay) play(ctx context.Context, t *tape.Reader, dev *hal.Device, show *replayShow, dial func(context.Context) (firmware.Vault, error)) error {
	player := tape.Play(t)
	w := newWaves(player, show)
	dev.Camera, dev.Presence = player, w
	err := firmware.Run(ctx, dev, firmware.Config{
		Dial: dial, Orders: w, Decided: w.decided, ShowFor: time.Millisecond,
		Trace: func(t firmware.Trace) { // what a decision has been shown for is over
			if t.Kind == firmware.KindState && t.To == firmware.Remove.String() {
				player.Leave()
			}
			if t.Kind == firmware.KindFault {
				fmt.Fprintln(r.log, t.Error)
			}
		},
	})
	w.flush()
	switch {
	case errors.Is(err, tape.ErrTruncated), errors.Is(err, tape.ErrDamaged), ctx.Err() != nil:
		return errors.Join(err, ctx.Err())
	case errors.Is(err, hal.ErrEnd):
		return nil
	}
	return err
}

// replayShow prints decisions and counts them.
type replayShow struct {
	json bool
	out  *textWriter
	sum  replaySum
}

type replaySum struct {
	Waves     int `json:"waves"`
	Right     int `json:"right"`
	Wrong     int `json:"wrong"`
	Different int `json:"different"` // from what was recorded
}

// waveLine is what is printed of a wave.
type waveLine struct {
	Wave    uint64        `json:"wave"`
	ID      int           `json:"id,omitempty"`
	Purpose string        `json:"purpose"`
	Person  string        `json:"person,omitempty"` // who came, as the tape says
	Kind    sim.Kind      `json:"kind,omitempty"`
	Hand    string        `json:"hand,omitempty"` // that the device saw
	Outcome string        `json:"outcome"`
	Before  string        `json:"recorded,omitempty"` // the outcome on the tape
	Verdict sim.Verdict   `json:"verdict,omitempty"`  // where the tape says who came
	Why     string        `json:"why,omitempty"`
	Bursts  int           `json:"bursts"`
	Took    time.Duration `json:"took_ns"`
}

func (s *replayShow) line(l waveLine) {
	s.sum.Waves++
	switch l.Verdict {
	case sim.Right:
		s.sum.Right++
	case sim.Wrong:
		s.sum.Wrong++
	}
	different := l.Before != "" && l.Before != l.Outcome
	if different {
		s.sum.Different++
	}
	if s.json {
		s.encode(l)
		return
	}
	note := l.Why
	if different {
		note += " (recorded: " + l.Before + ")"
	}
	s.out.line("wave %-4d %-8s %-6s %-12s %-5s %-9s %-5s %d bursts %5d ms %s",
		l.Wave, l.Purpose, l.Person, l.Kind, l.Hand, l.Outcome, l.Verdict, l.Bursts, l.Took.Milliseconds(), note)
}

func (s *replayShow) encode(v any) {
	if s.out.err == nil {
		s.out.err = json.NewEncoder(s.out.to).Encode(v)
	}
}

// end prints the sum, and is an error where a decision was wrong.
func (s *replayShow) end() error {
	if s.json {
		s.encode(s.sum)
	} else {
		s.out.line("%d waves, %d decisions right, %d wrong, %d other than recorded", s.sum.Waves, s.sum.Right, s.sum.Wrong, s.sum.Different)
	}
	if s.sum.Wrong > 0 {
		return errors.Join(s.out.err, fmt.Errorf("replay: %d wrong decisions", s.sum.Wrong))
	}
	return s.out.err
}
