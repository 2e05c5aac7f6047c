package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"volar/boards"
	"volar/cmd/internal/replay"
	"volar/firmware"
	"volar/hal"
	"volar/hal/linux"
	"volar/hal/tape"
	"volar/wire"
	"volar/wire/link"
)

// live records people before a real board.
type live struct {
	board       string
	calibration string
	consent     string
	unit        string
	enrol       bool
}

// record records waves until ctx ends or there are enough. The tape is that
// of a device with a vault of its own: the first person enrols where that is
// asked for, and everybody else is identified.
func (l *live) record(ctx context.Context, w io.Writer, waves int, log io.Writer) error {
	if l.consent == "" {
		return usageError{hinted{
			errors.New("record: real people are before a board, and no consent is recorded"),
			`say who agreed to what, and when: --consent "staff test, form 12, 2026-11-20"`,
		}}
	}
	board, err := boards.Load(boards.Tree, l.board)
	if err != nil {
		return usageError{fmt.Errorf("record: %w", err)}
	}
	cal, err := hal.ReadCalibration(l.calibration)
	if err != nil {
		return usageError{fmt.Errorf("record: %w", err)}
	}
	dir, err := os.MkdirTemp("", "palmsim-record-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	key, err := link.GenerateKey()
	if err != nil {
		return err
	}
	dev, err := linux.Open(board, linux.Options{Dir: dir, Unit: l.unit, Calibration: cal, Identity: key, Counter: none{}, Slots: none{}})
	if err != nil {
		return hinted{fmt.Errorf("record: open board %s: %w", l.board, err), "palmsim has to run on the board itself; palmctl board check says what a descriptor lacks"}
	}
	defer dev.Close()
	return l.film(ctx, dev, tape.Meta{Board: board.Name, Unit: l.unit, Firmware: "palmsim record", Consent: l.consent}, w, waves, log)
}

// film records what a device sees and does.
func (l *live) film(ctx context.Context, dev *hal.Device, meta tape.Meta, w io.Writer, waves int, log io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	t, err := tape.Create(buffered, meta, &dev.Calibration)
	if err != nil {
		return err
	}
	v, err := replay.StartVault(ctx, replay.NewShelf())
	if err != nil {
		return err
	}
	dial, err := v.Dialer(dev.Identity, dev.Store)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &replay.Recording{Tape: t, Now: sinceBoot}
	p := &passers{recording: r, enrol: l.enrol, left: waves, stop: stop, log: log}
	p.next()
	filmed := *dev
	filmed.Camera, filmed.Presence = tape.Record(dev.Camera, t), r.Marks(dev.Presence)
	err = firmware.Run(ctx, &filmed, firmware.Config{Dial: r.Dialer(dial), Orders: p, Decided: p.decided, Trace: r.Trace})
	v.Close()
	return errors.Join(err, r.Failed(), t.Close(), buffered.Flush()) // an interrupted tape is closed too
}

// sinceBoot is the clock by which drivers stamp frames.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// passers are whoever holds out a hand, as far as anybody knows: person 1.
type passers struct {
	recording *replay.Recording
	stop      context.CancelFunc
	log       io.Writer

	mu    sync.Mutex
	enrol bool // the next order is to enrol
	id    int
	left  int // waves to record; 0 is until somebody stops it
}

func (p *passers) purpose() wire.Purpose {
	if p.enrol {
		return wire.Enrol
	}
	return wire.Identify
}

// next marks who comes next.
func (p *passers) next() {
	p.id++
	p.recording.Who(map[string]string{"id": strconv.Itoa(p.id), "purpose": p.purpose().String(), "person": "1", "kind": "genuine"})
}

// Next is the order of the wave.
func (p *passers) Next(ctx context.Context) (firmware.Order, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return firmware.Order{Purpose: p.purpose()}, ctx.Err()
}

func (p *passers) decided(d firmware.Decision) {
	p.recording.Decided(d)
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.log, "wave %d: %s: %s\n", d.Wave, d.Order.Purpose, d.Outcome)
	if d.Outcome == firmware.Another {
		return
	}
	if d.Outcome == firmware.Accepted {
		p.enrol = false
	}
	if p.left--; p.left == 0 {
		p.stop()
	}
	p.next()
}

// none stands for what a recording does not need of a board.
type none struct{}

var errNone = errors.New("a recording has none")

func (none) Value() (uint64, error)                      { return 0, errNone }
func (none) RaiseTo(uint64) error                        { return errNone }
func (none) Running() string                             { return "" }
func (none) WriteOther(context.Context, io.Reader) error { return errNone }
func (none) TryOther() error                             { return errNone }
func (none) Confirm() error                              { return errNone }

var (
	_ firmware.Orders = (*passers)(nil)
	_ hal.Counter     = none{}
	_ hal.Slots       = none{}
)
