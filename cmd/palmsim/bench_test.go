package main

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"volar/boards"
	"volar/firmware"
	"volar/sim"
	"volar/sim/palm"
)

// newBench is a simulated board in this process, whose files lie in dir.
func newBench(t *testing.T, dir string) (*sim.Board, *sim.Stage) {
	t.Helper()
	descriptor, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		t.Fatal(err)
	}
	stage, err := sim.NewStage(descriptor, palm.DefaultRig(), 11)
	if err != nil {
		t.Fatal(err)
	}
	board, err := sim.New(sim.Options{Board: descriptor, Dir: dir, Speed: math.Inf(1), Empty: stage.Empty()})
	if err != nil {
		t.Fatal(err)
	}
	return board, stage
}

// bench runs the firmware on a board until the director's script has ended.
func bench(ctx context.Context, board *sim.Board, director *sim.Director, cfg firmware.Config) error {
	cfg.Orders = benchOrders{director}
	cfg.ShowFor = time.Millisecond
	cfg.Decided = func(d firmware.Decision) {
		director.Decided(sim.Outcome{Text: string(d.Outcome), Person: d.Person, Bursts: d.Bursts, Took: d.Took})
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- firmware.Run(running, board.Device(), cfg) }()
	err := director.Run(ctx)
	stop()
	return errors.Join(err, <-ended)
}

type benchOrders struct{ *sim.Director }

func (o benchOrders) Next(ctx context.Context) (firmware.Order, error) {
	purpose, person, err := o.Director.Next(ctx)
	return firmware.Order{Purpose: purpose, Person: person}, err
}
