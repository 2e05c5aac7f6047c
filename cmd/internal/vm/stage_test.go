package vm

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"volar/boards"
	"volar/hal"
	"volar/hal/live"
	"volar/sim"
	"volar/sim/palm"
	"volar/wire"
)

// stage is the simulator before a unit's cameras: synthetic people, drawn on
// this machine.
type stage struct {
	board  *sim.Board
	people *sim.Stage
	bench  *bench
	socket string

	mu       sync.Mutex
	camera   hal.Camera    // whose frames the unit gets
	atBench  bool          // a technician is there
	known    sim.Ledger    // who was enrolled
	director *sim.Director // of the script that plays; nil: nobody comes
	playing  chan struct{} // closed, and replaced, when a script begins
}

// hand is one that a technician holds still.
type hand struct {
	renderer *palm.Renderer
	wave     palm.Wave
}

// Shoot is what the cameras see of it.
func (h *hand) Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot {
	return h.renderer.Shoot(&h.wave, l, at, seq)
}

// bench is the stage while a technician is there: a hand is before the cameras
// whenever one is looked for, and goes when it shall.
type bench struct {
	*stage
	hand *hand
}

// Shoot holds the hand before the cameras.
func (b *bench) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if b.technician() {
		b.board.Present(b.hand)
	}
	return b.board.Device().Camera.Shoot(ctx, l)
}

// Wait does what is waited for; a unit in service sees nobody.
func (b *bench) Wait(ctx context.Context, near bool) error {
	if b.technician() && near {
		b.board.Present(b.hand)
	} else if b.technician() {
		b.board.Clear()
	}
	return b.board.Device().Presence.Wait(ctx, near)
}

// through has the unit's frames come through another camera from now on.
func (s *stage) through(c hal.Camera) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.camera = c
}

// Shoot is what the unit's cameras give it.
func (s *stage) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s.mu.Lock()
	camera := s.camera
	s.mu.Unlock()
	return camera.Shoot(ctx, l)
}

// technician tells whether one is there.
func (s *stage) technician() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.atBench
}

// arrive lets a technician come.
func (s *stage) arrive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atBench = true
}

// leave lets the technician go: from now on people come, or nobody.
func (s *stage) leave() {
	s.mu.Lock()
	s.atBench = false
	s.mu.Unlock()
	s.board.Clear()
}

// newBench opens a stage at which a technician is.
func newBench(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.arrive()
	return s
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
	s := &stage{board: board, people: people, socket: filepath.Join(folder(t), "stage"), known: sim.Ledger{}, playing: make(chan struct{})}
	rng := rand.New(rand.NewPCG(1, 1))
	s.bench = &bench{s, &hand{palm.NewRenderer(palm.DefaultRig()), palm.Wave{Anatomy: palm.New(1, 99, wire.Left), Pose: palm.Guided(rng), Seed: 1}}}
	s.camera = s.bench
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
		Calibration: dev.Calibration, Camera: s, Presence: s.bench,
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
	s.mu.Lock()
	d := sim.Direct(s.board, s.people, script, s.known)
	d.Done = func(r sim.Result) { results = append(results, r) }
	s.director = d
	close(s.playing)
	s.playing = make(chan struct{})
	s.mu.Unlock()
	err = d.Run(ctx)
	s.mu.Lock()
	s.director = nil
	for _, p := range script {
		if who, ok := d.Enrolled(p.Person); ok {
			s.known[p.Person] = who
		}
	}
	s.mu.Unlock()
	return results, err
}
