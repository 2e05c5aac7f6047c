package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"volar/boards"
	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
	"volar/sim/palm"
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
	say    io.Writer // the result
	log    io.Writer // progress
}

// Limits of a recording. A wave takes some 15 MB.
const (
	maxRecordPeople = 1000
	maxRecordWaves  = 10_000
)

func newRecordCommand() *cobra.Command {
	r := record{}
	c := &cobra.Command{
		Use:   "record --out FILE",
		Short: "Record waves of synthetic people to a tape",
		Long: `record puts synthetic people before the simulated cameras and writes what they see to
a tape: first each person's enrolment with both hands, then waves to identify, in turn. A script
(--script, one JSON object a line, as palmd takes it) says otherwise.

Each wave is some looks in the dark and under 850 nm, as the device takes them to guide a hand,
and two bursts: dark, white, 850 nm, 940 nm. Nobody is guided, as no device looks; replay shows
what the firmware and the vault make of it.

Exit codes: 0 recorded, 1 the tape could not be written, 2 wrong usage or script, 3 interrupted
(the tape is readable up to there).`,
		Example: "  palmsim record --out two.mcap --people 2 --waves 4",
		Args:    cobra.NoArgs,
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
	err = r.film(ctx, f, script)
	if err := errors.Join(err, f.Close()); err != nil {
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

// film records the script to w.
func (r *record) film(ctx context.Context, w io.Writer, script []sim.Presentation) error {
	board, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		return err
	}
	stage, err := sim.NewStage(board, palm.DefaultRig(), r.seed)
	if err != nil {
		return err
	}
	dev, err := sim.New(sim.Options{Board: board, Speed: math.Inf(1), Empty: stage.Empty()})
	if err != nil {
		return err
	}
	packed := bufio.NewWriterSize(w, 1<<20)
	t, err := tape.Create(packed, tape.Meta{
		Board: board.Name, Unit: dev.Device().Unit, Firmware: "palmsim record", Synthetic: true,
	}, &board.Calibration)
	if err != nil {
		return err
	}
	s := &shoot{board: dev, stage: stage, tape: t, camera: tape.Record(dev.Device().Camera, t)}
	bar := newProgress(r.log, "waves", totalWaves(script))
	for i := range script {
		if err = s.presentation(ctx, &script[i], bar); err != nil {
			break
		}
	}
	bar.end()
	return errors.Join(err, t.Close(), packed.Flush()) // an interrupted tape is closed too
}

// shoot films presentations.
type shoot struct {
	board  *sim.Board
	stage  *sim.Stage
	tape   *tape.Writer
	camera *tape.Recorder
}

const (
	enrolWaves  = 3 // of each hand
	guideLooks  = 8 // the hand comes in during the first four
	burstsAWave = 2
)

// hands lists which hand each wave of a presentation shows.
func hands(p *sim.Presentation) []wire.Hand {
	first := p.FirstHand()
	if p.Purpose != wire.Enrol.String() {
		return []wire.Hand{first}
	}
	var list []wire.Hand
	for n := range 2 * enrolWaves {
		if n < enrolWaves {
			list = append(list, first)
		} else {
			list = append(list, wire.Left+wire.Right-first)
		}
	}
	return list
}

func totalWaves(script []sim.Presentation) (n int) {
	for i := range script {
		n += len(hands(&script[i]))
	}
	return n
}

func (s *shoot) presentation(ctx context.Context, p *sim.Presentation, bar *progressBar) error {
	for n, hand := range hands(p) {
		s.board.Pass(time.Second)
		s.board.Present(s.stage.Enter(p, hand, s.board.Now(), n))
		err := s.mark(tape.EventNear, p, hand)
		if err == nil {
			err = s.wave(ctx)
		}
		s.board.Clear()
		if err := errors.Join(err, s.mark(tape.EventGone, p, hand)); err != nil {
			return err
		}
		bar.add(1)
	}
	return nil
}

// mark writes who comes, for whoever replays the tape.
func (s *shoot) mark(name string, p *sim.Presentation, hand wire.Hand) error {
	return s.tape.Event(tape.Event{At: s.board.Now(), Name: name, Fields: map[string]string{
		"id": strconv.Itoa(p.ID), "purpose": p.Purpose, "person": strconv.Itoa(p.Person), "by": strconv.Itoa(p.By),
		"kind": string(p.Kind), "hand": hand.String(),
	}})
}

func (s *shoot) wave(ctx context.Context) error {
	var lights []hal.Light
	for range guideLooks {
		lights = append(lights, 0, hal.NIR850)
	}
	for range burstsAWave {
		lights = append(lights, 0, hal.White, hal.NIR850, hal.NIR940)
	}
	for _, l := range lights {
		if _, err := s.camera.Shoot(ctx, l); err != nil {
			return err
		}
	}
	return nil
}
