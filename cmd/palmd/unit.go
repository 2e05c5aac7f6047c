package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"volar/boards"
	"volar/cmd/internal/uplink"
	"volar/firmware"
	"volar/hal"
	"volar/hal/linux"
	"volar/hal/live"
	"volar/hal/tape"
	"volar/wire"
)

// ready is the line that tells that every part of the board is open.
type ready struct {
	Kind  string `json:"kind"` // "ready"
	Board string `json:"board"`
	Unit  string `json:"unit"`
}

// serveUnit runs the firmware on a board that has drivers until ctx ends, or
// the tape that stands in for its cameras.
func serveUnit(ctx context.Context, o options, out io.Writer, log *slog.Logger) error {
	unit, err := uplink.Load(o.config)
	if err != nil {
		return usageError{err}
	}
	dev, err := openUnit(o, unit)
	if err != nil {
		return err
	}
	defer dev.Close()
	dial, err := unit.Dialer(dev.Identity, dev.Store, func(notice string) { log.Warn(notice) })
	if err != nil {
		return usageError{err}
	}
	said := &lines{to: json.NewEncoder(out)}
	said.write(ready{"ready", dev.Board, dev.Unit})
	cfg := firmware.Config{
		Dial: func(ctx context.Context) (firmware.Vault, error) { return dial(ctx) },
		Decided: func(d firmware.Decision) {
			if len(d.Receipt) > 0 {
				said.write(receipt{"receipt", d.Receipt})
			}
			if err := admit(dev.Gate, d); err != nil {
				log.Error(err.Error())
			}
		},
		Trace: func(t firmware.Trace) {
			said.write(t)
			if t.Reason != "" {
				log.Error("the vault is refused: "+t.Says, "hint", t.Hint)
			}
		},
	}
	switch c := dev.Camera.(type) {
	case *tape.Player:
		follow(c, &cfg)
	case *live.Client:
		join(c, &cfg)
	}
	err = firmware.Run(ctx, dev, cfg)
	if errors.Is(err, hal.ErrEnd) {
		log.Info("the recording has ended")
		err = nil
	}
	return errors.Join(err, said.err)
}

// openUnit brings the board to life.
func openUnit(o options, unit *uplink.Config) (*hal.Device, error) {
	board, err := boards.Load(boards.Tree, o.board)
	if err != nil {
		return nil, usageError{err}
	}
	measured, err := hal.ReadCalibration(o.calibration)
	if err != nil {
		return nil, usageError{err}
	}
	id, err := readIdentity(os.NewFile(uintptr(o.identity), "identity"))
	if err != nil {
		return nil, err
	}
	return linux.Open(board, linux.Options{
		Dir: filepath.Join(o.state, "store"), Unit: unit.Unit, Calibration: measured, Identity: id, Counter: elsewhere{}, Slots: elsewhere{},
		Development: unit.Development,
	})
}

// admit lets a person through whom the vault has recognised. The number for a
// door controller is the first 64 bits of the vault's pseudonym, of which the
// board sends as many as its format has.
func admit(g hal.Gate, d firmware.Decision) error {
	recognised := d.Order.Purpose == wire.Identify || d.Order.Purpose == wire.Verify
	if g == nil || d.Outcome != firmware.Accepted || !recognised {
		return nil
	}
	return g.Admit(binary.BigEndian.Uint64(d.Person[:8]))
}

// elsewhere stands for what process 1 of a unit keeps to itself.
type elsewhere struct{}

var errElsewhere = errors.New("process 1 of the unit keeps this to itself")

func (elsewhere) Value() (uint64, error)                      { return 0, errElsewhere }
func (elsewhere) RaiseTo(uint64) error                        { return errElsewhere }
func (elsewhere) Running() string                             { return "" }
func (elsewhere) WriteOther(context.Context, io.Reader) error { return errElsewhere }
func (elsewhere) TryOther() error                             { return errElsewhere }
func (elsewhere) Confirm() error                              { return errElsewhere }
