package vm

import (
	"context"
	"math"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"volar/boards"
	"volar/hal"
	"volar/hal/live"
	"volar/sim"
	"volar/sim/palm"
)

// stage is the simulator before a unit's cameras: synthetic people, drawn on
// this machine.
type stage struct {
	board  *sim.Board
	people *sim.Stage
	socket string

	mu       sync.Mutex
	director *sim.Director // of the script that plays; nil: nobody comes
	playing  chan struct{} // closed, and replaced, when a script begins
}

// newStage opens a stage on which nobody is.
func newStage(t *testing.T) *stage {
	t.Helper()
	descriptor, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		t.Fatal(err)
	}
	people, err := sim.NewStage(descriptor, palm.DefaultRig(), 1)
	if err != nil {
		t.Fatal(err)
	}
	board, err := sim.New(sim.Options{Board: descriptor, Speed: math.Inf(1), Empty: people.Empty()})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{board: board, people: people, socket: filepath.Join(t.TempDir(), "stage"), playing: make(chan struct{})}
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go live.Serve(t.Context(), conn, s.live())
		}
	}()
	return s
}

func (s *stage) live() live.Stage {
	dev := s.board.Device()
	return live.Stage{
		Calibration: dev.Calibration, Camera: dev.Camera, Presence: dev.Presence,
		Next: s.next, Decided: s.decided, Cue: func(c hal.Cue) { _ = dev.Face.Show(c) },
	}
}

// next is what the hand that is there came for.
func (s *stage) next(ctx context.Context) (live.Order, error) {
	for {
		s.mu.Lock()
		d, began := s.director, s.playing
		s.mu.Unlock()
		if d != nil {
			purpose, person, err := d.Next(ctx)
			return live.Order{Purpose: purpose.String(), Person: person}, err
		}
		select {
		case <-began:
		case <-ctx.Done():
			return live.Order{}, ctx.Err()
		}
	}
}

func (s *stage) decided(o live.Outcome) {
	s.mu.Lock()
	d := s.director
	s.mu.Unlock()
	if d != nil {
		d.Decided(sim.Outcome{Text: o.Text, Person: o.Person, Bursts: o.Bursts, Took: o.Took})
	}
}

// play lets people come, and returns how that ended for each.
func (s *stage) play(ctx context.Context, script []sim.Presentation) (results []sim.Result, err error) {
	d := sim.Direct(s.board, s.people, script, nil)
	d.Done = func(r sim.Result) { results = append(results, r) }
	s.mu.Lock()
	s.director = d
	close(s.playing)
	s.playing = make(chan struct{})
	s.mu.Unlock()
	err = d.Run(ctx)
	s.mu.Lock()
	s.director = nil
	s.mu.Unlock()
	return results, err
}
