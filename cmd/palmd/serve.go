package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"

	"volar/boards"
	"volar/cmd/internal/till"
	"volar/cmd/internal/uplink"
	"volar/firmware"
	"volar/sim"
	"volar/sim/palm"
)

// open brings board sim and its stage to life.
func open(o options) (*sim.Board, *sim.Stage, error) {
	descriptor, err := boards.Load(boards.Tree, o.board)
	if err != nil {
		return nil, nil, err
	}
	stage, err := sim.NewStage(descriptor, palm.DefaultRig(), o.seed)
	if err != nil {
		return nil, nil, err
	}
	speed := o.speed
	if speed == 0 {
		speed = math.Inf(1)
	}
	board, err := sim.New(sim.Options{Board: descriptor, Dir: o.state, Speed: speed, Empty: stage.Empty()})
	return board, stage, err
}

// lines writes one JSON object a line. The first error stays.
type lines struct {
	mu  sync.Mutex
	to  *json.Encoder
	err error
}

func (l *lines) write(v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = l.to.Encode(v)
	}
}

// result is the line that tells how a presentation of the script ended.
type result struct {
	Kind   string     `json:"kind"` // "result"; other lines are firmware.Trace
	Result sim.Result `json:"result"`
}

// receipt is the line that hands out the receipt of a deletion, which
// 'palmctl receipt verify' checks.
type receipt struct {
	Kind    string `json:"kind"` // "receipt"
	Receipt []byte `json:"receipt"`
}

// serve runs the firmware until the script or ctx ends.
func serve(ctx context.Context, o options, board *sim.Board, stage *sim.Stage, out io.Writer, log *slog.Logger) error {
	unit, err := uplink.Load(o.config)
	if err != nil {
		return usageError{err}
	}
	if !unit.Development {
		return usageError{errors.New("board sim is no camera: it runs only where the configuration says development = true")}
	}
	script, err := readScript(o.script)
	if err != nil {
		return usageError{err}
	}
	dial, err := unit.Dialer(board.Device().Identity, board.Device().Store, func(notice string) { log.Warn(notice) })
	if err != nil {
		return usageError{err}
	}
	said := &lines{to: json.NewEncoder(out)}
	director := sim.Direct(board, stage, script, nil)
	director.Done = func(r sim.Result) { said.write(result{"result", r}) }
	err = till.Run(ctx, board.Device(), director, firmware.Config{
		Dial:    func(ctx context.Context) (firmware.Vault, error) { return dial(ctx) },
		ShowFor: shown(o.speed),
		Decided: func(d firmware.Decision) {
			if len(d.Receipt) > 0 {
				said.write(receipt{"receipt", d.Receipt})
			}
		},
		Trace: func(t firmware.Trace) {
			said.write(t)
			if t.Reason != "" {
				log.Error("the vault is refused: "+t.Says, "hint", t.Hint)
			}
		},
	})
	return errors.Join(err, said.err)
}

// shown is how long an answer stays on the face. That is told by the clock on
// the wall; all else that a person waits for is told by the cameras'.
func shown(speed float64) time.Duration {
	if speed == 0 {
		return time.Millisecond
	}
	return time.Duration(float64(1500*time.Millisecond) / speed)
}

func readScript(path string) ([]sim.Presentation, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("script: %w", err)
	}
	defer f.Close()
	return sim.ParseScript(f)
}
