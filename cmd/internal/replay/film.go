package replay

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"volar/boards"
	"volar/cmd/internal/till"
	"volar/firmware"
	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
	"volar/sim/palm"
	"volar/wire"
)

// Film is a recording of synthetic people: the real firmware and the real
// vault see them, and all that the cameras saw goes to a tape. Equal films
// are equal tapes.
type Film struct {
	Script []sim.Presentation
	Seed   uint64

	// Shrink is by how much the pictures are smaller than those of board sim,
	// a side: 0 and 1 are full size. A near-infrared picture that is shrunk
	// has 8 bits a pixel.
	Shrink int

	// Lean makes the tape small: the sensors are hardly noisy, and what no
	// firmware looks at is left out: the colour pictures of looks at a hand that
	// is still being guided are black. Who holds a hand badly, or an attack,
	// gives up sooner.
	Lean bool

	// Coarse makes it smaller still, at the cost of grey levels: 64 in the
	// near-infrared, 32 of each colour. For tapes that a repository keeps.
	Coarse bool

	// Done, where set, is told how each presentation ended.
	Done func(sim.Result)

	// Fault, where set, is told what did not work.
	Fault func(string)
}

// quiet is by how much larger the pixels of a lean film's sensors are. Noise is
// most of what a picture takes.
const quiet = 30

// Shoot makes the film.
func (f *Film) Shoot(ctx context.Context, w io.Writer) error {
	_, restore := drawFrom([32]byte{1, byte(f.Seed), byte(f.Seed >> 8), byte(f.Seed >> 16), byte(f.Seed >> 24)})
	defer restore()
	var shot error
	err := Virtual(func() { shot = f.shoot(ctx, w) })
	return errors.Join(err, shot)
}

func (f *Film) shoot(outside context.Context, w io.Writer) error {
	board, rig, err := Shrunk(max(f.Shrink, 1))
	if err != nil {
		return err
	}
	if f.Lean {
		for _, s := range []*palm.Sensor{&rig.RGB, &rig.NIR} {
			s.FullWell, s.Read = quiet*s.FullWell, math.Sqrt(quiet)*s.Read
		}
	}
	stage, err := sim.NewStage(board, rig, f.Seed)
	if err != nil {
		return err
	}
	b, err := sim.New(sim.Options{Board: board, Empty: stage.Empty()})
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(w, 1<<20)
	t, err := tape.Create(buffered, tape.Meta{
		Board: board.Name, Unit: b.Device().Unit, Firmware: "palmsim record", Synthetic: true,
	}, &board.Calibration)
	if err != nil {
		return err
	}
	v, err := StartVault(context.Background(), NewShelf())
	if err != nil {
		return err
	}
	defer v.Close()
	dial, err := v.Dialer(b.Device().Identity, b.Device().Store)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c := &crew{Recording: Recording{Tape: t, Now: b.Now}, film: f, outside: outside, stop: stop, stage: stage}
	director := sim.Direct(b, stage, f.Script, nil)
	director.Comes = c.comes
	director.Done, director.Brief = f.Done, f.Lean
	dev := *b.Device()
	dev.Camera = tape.Record(grained{dev.Camera, f}, t)
	dev.Presence = c.Marks(dev.Presence)
	err = till.Run(ctx, &dev, director, firmware.Config{
		Dial: c.Dialer(dial), ShowFor: time.Millisecond, Trace: c.trace, Decided: c.Decided,
	})
	if outside.Err() != nil {
		err = outside.Err()
	}
	return errors.Join(err, c.Failed(), t.Close(), buffered.Flush()) // an interrupted tape is closed too
}

// Shrunk is board sim and its rig with pictures that are smaller by a factor a
// side. A near-infrared picture that is shrunk has 8 bits a pixel.
func Shrunk(by int) (*boards.Board, palm.Rig, error) {
	board, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		return nil, palm.Rig{}, err
	}
	rig := palm.DefaultRig()
	if by == 1 {
		return board, rig, nil
	}
	small := *board
	small.Name = "sim"
	for _, c := range []*hal.Calibration{&rig.Calibration, &small.Calibration} {
		for _, k := range []*hal.Intrinsics{&c.RGB, &c.NIR} {
			s := float64(by)
			k.Width, k.Height = k.Width/by&^1, k.Height/by&^1
			k.Fx, k.Fy = k.Fx/s, k.Fy/s
			k.Cx, k.Cy = (k.Cx+0.5)/s-0.5, (k.Cy+0.5)/s-0.5
		}
	}
	rig.NIR.Format, small.NIR.Format = hal.Y8, hal.Y8.String()
	return &small, rig, rig.Check()
}

// crew is what happens beside the camera.
type crew struct {
	Recording
	film    *Film
	outside context.Context
	stop    context.CancelFunc
	stage   *sim.Stage
}

// trace also notes when a burst begins, and stops where somebody outside wants that.
func (c *crew) trace(t firmware.Trace) {
	if t.Kind == firmware.KindState {
		c.stage.Blind(c.film.Lean && t.To != firmware.Capture.String())
		if c.outside.Err() != nil {
			c.stop()
		}
	}
	if t.Kind == firmware.KindFault && c.film.Fault != nil {
		c.film.Fault(t.Error)
	}
	c.Recording.Trace(t)
}

// comes keeps who holds out the next hand.
func (c *crew) comes(p sim.Presentation, hand wire.Hand) {
	note := strings.TrimSpace(p.Flaw + " " + p.Condition) // a species has a field of its own
	c.Who(map[string]string{
		"id": strconv.Itoa(p.ID), "purpose": p.Purpose, "person": strconv.Itoa(p.Person), "by": strconv.Itoa(p.By),
		"kind": string(p.Kind), "hand": hand.String(), "species": p.Species, "note": note,
	})
}

// grained is a camera whose pictures a film may make coarse.
type grained struct {
	hal.Camera
	film *Film
}

func (l grained) Shoot(ctx context.Context, light hal.Light) (hal.Shot, error) {
	s, err := l.Camera.Shoot(ctx, light)
	if err == nil && l.film.Coarse {
		coarse(s.NIR.Pix, 4)
		coarse(s.RGB.Pix, 8)
	}
	return s, err
}

// Recording notes on a tape what a device does beside its shots. Its methods
// are what firmware.Config wants.
type Recording struct {
	Tape *tape.Writer
	Now  func() time.Duration // since boot

	mu   sync.Mutex
	who  map[string]string // fields of the mark of the next hand
	near bool
	err  error // the first that writing an event gave
}

// Who says who holds out the next hand.
func (r *Recording) Who(fields map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.who = fields
}

// Marks is a presence sensor that marks on the tape when hands come and go.
func (r *Recording) Marks(p hal.Presence) hal.Presence { return marks{p, r} }

type marks struct {
	hal.Presence
	r *Recording
}

func (m marks) Wait(ctx context.Context, near bool) error {
	err := m.Presence.Wait(ctx, near)
	if err == nil {
		m.r.mark(near)
	}
	return err
}

func (r *Recording) mark(near bool) {
	r.mu.Lock()
	again, who := r.near == near, r.who
	r.near = near
	r.mu.Unlock()
	switch {
	case again:
	case near:
		r.event(tape.EventNear, who)
	default:
		r.event(tape.EventGone, nil)
	}
}

// Dialer notes the challenges of the sessions that dial opens.
func (r *Recording) Dialer(dial func(context.Context) (firmware.Vault, error)) func(context.Context) (firmware.Vault, error) {
	return func(ctx context.Context) (firmware.Vault, error) {
		v, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		return noted{v, r}, nil
	}
}

type noted struct {
	firmware.Vault
	r *Recording
}

func (n noted) Call(ctx context.Context, m wire.Message) (wire.Message, error) {
	reply, err := n.Vault.Call(ctx, m)
	if c, ok := reply.(wire.Challenge); ok && err == nil {
		n.r.event(tape.EventChallenge, map[string]string{"nonce": hex.EncodeToString(c.Nonce[:])})
	}
	return reply, err
}

// Trace notes what the device shows and where it stumbles.
func (r *Recording) Trace(t firmware.Trace) {
	switch t.Kind {
	case firmware.KindCue:
		r.event("cue", map[string]string{"cue": t.Shows})
	case firmware.KindState:
		r.event("state", map[string]string{"from": t.From, "to": t.To, "event": t.Event})
	case firmware.KindRetry:
		r.event("retry", map[string]string{"stage": t.Stage, "why": short(strings.Join(t.Why, ", "))})
	case firmware.KindFault:
		r.event("fault", map[string]string{"error": short(t.Error)})
	}
}

// Decided notes how a wave ended.
func (r *Recording) Decided(d firmware.Decision) {
	t := tape.Decision{At: r.Now(), Wave: d.Wave, Purpose: d.Order.Purpose.String(), Status: string(d.Outcome)}
	if d.Outcome == firmware.Accepted {
		t.Person = hex.EncodeToString(d.Person[:])
	}
	r.keep(r.Tape.Decision(t))
}

func (r *Recording) event(name string, fields map[string]string) {
	r.keep(r.Tape.Event(tape.Event{At: r.Now(), Name: name, Fields: fields}))
}

func (r *Recording) keep(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// Failed is the first error of writing what is no shot.
func (r *Recording) Failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return fmt.Errorf("replay: record: %w", r.err)
	}
	return nil
}

// short cuts a text to what a tape takes.
func short(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\n", "; "), "?")
	if len(s) > tape.MaxText {
		s = strings.ToValidUTF8(s[:tape.MaxText], "")
	}
	return s
}

// coarse rounds samples down to whole steps.
func coarse(pix []byte, step byte) {
	for i, v := range pix {
		pix[i] = v - v%step
	}
}
