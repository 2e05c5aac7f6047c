package main

import (
	"context"
	"math"
	"testing"
	"time"

	"volar/boards"
	"volar/cmd/internal/till"
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
	cfg.ShowFor = time.Millisecond
	return till.Run(ctx, board.Device(), director, cfg)
}
