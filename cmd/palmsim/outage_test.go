package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volar/cmd/internal/stack"
	"volar/firmware"
	"volar/sim"
)

// relay gives a host that comes and goes one address.
type relay struct {
	net.Listener
	to atomic.Value // string
}

func newRelay(t *testing.T) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(in)
		}
	}()
	return r
}

func (r *relay) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", r.to.Load().(string))
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		defer in.Close()
		defer out.Close()
		io.Copy(in, out)
	}()
	io.Copy(out, in)
}

// TestHostDiesInTheMiddleOfAWave kills the host when a device has taken a
// burst, and starts it again on the same store: the device says to try again
// and recovers, and nobody who was enrolled is lost.
func TestHostDiesInTheMiddleOfAWave(t *testing.T) {
	bin := os.Getenv("VOLAR_BIN")
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs; make test sets it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir, r := t.TempDir(), newRelay(t)
	start := func() *stack.Stack {
		s, err := stack.Start(ctx, stack.Options{Bin: bin, Dir: dir, Log: t.Output()})
		if err != nil {
			t.Error(err)
			cancel()
			return nil
		}
		r.to.Store(s.Address)
		return s
	}
	s := start()
	if s == nil {
		return
	}
	board, stage := newBench(t, filepath.Join(dir, "unit"))
	unit, err := s.Unit("outage", board.Device().Identity.Public())
	if err != nil {
		t.Fatal(err)
	}
	unit.Host = r.Addr().String()
	dial, err := unit.Dialer(board.Device().Identity, board.Device().Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	director := sim.Direct(board, stage, []sim.Presentation{
		{ID: 1, Purpose: "enrol", Person: 1, Kind: sim.Genuine},
		{ID: 2, Purpose: "identify", Person: 1, Kind: sim.Genuine},
		{ID: 3, Purpose: "identify", Person: 1, Kind: sim.Genuine},
	}, nil)
	var enrolled, lost atomic.Bool
	var outage sync.WaitGroup
	director.Done = func(res sim.Result) {
		enrolled.Store(true)
		if res.Verdict != sim.Right {
			t.Errorf("presentation %d ended %s (%s): %s", res.ID, res.Verdict, res.Outcome, res.Why)
		}
	}
	err = bench(ctx, board, director, firmware.Config{
		Dial: func(ctx context.Context) (firmware.Vault, error) { return dial(ctx) },
		Trace: func(tr firmware.Trace) {
			if tr.Kind == firmware.KindStage && tr.Stage == firmware.StageCapture && enrolled.Load() && lost.CompareAndSwap(false, true) {
				if err := s.Kill(); err != nil {
					t.Error(err)
				}
				outage.Go(func() { s = start() })
			}
		},
	})
	if err != nil {
		t.Error(err)
	}
	outage.Wait()
	if !lost.Load() {
		t.Error("the host was never killed")
	}
	if s != nil {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
