package main

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/cmd/internal/replay"
	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
	"volar/wire"
)

// What was recorded before a device plays again, and is decided as it was.
func TestRecordBoard(t *testing.T) {
	board, rig, err := replay.Shrunk(2)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := sim.NewStage(board, rig, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sim.New(sim.Options{Board: board, Speed: math.Inf(1), Empty: stage.Empty(), Watch: func(hal.Cue) {}})
	if err != nil {
		t.Fatal(err)
	}
	b.Present(stage.Enter(&sim.Presentation{ID: 1, Purpose: "identify", Kind: sim.Stranger}, wire.Left, b.Now(), 0))
	path := filepath.Join(t.TempDir(), "desk.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	l := &live{consent: "nobody: a drawing"}
	err = errors.Join(l.film(t.Context(), b.Device(), tape.Meta{Board: "sim", Unit: "u", Consent: l.consent}, f, 1, io.Discard), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	res := replay.File(t.Context(), path, replay.Options{})
	if res.Error != "" || len(res.Waves) != 1 || res.Waves[0].Outcome != "refused" || res.Waves[0].Recorded != "refused" {
		t.Errorf("%+v", res)
	}
	if len(replay.Pictures(path, 1)) > 0 {
		t.Error("pictures are taken from a tape of real people")
	}
}

// Nobody real is recorded without their consent.
func TestRecordBoardConsent(t *testing.T) {
	err := (&live{board: "rpi4"}).record(t.Context(), io.Discard, 1, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no consent") || hintOf(err) == "" {
		t.Error(err)
	}
}
