package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"volar/boards"
	"volar/firmware"
	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
	"volar/wire"
)

// Options say how a tape is played.
type Options struct {
	// Speed is how many times faster than it was recorded, by the clock on
	// the wall; 0 is a clock of its own that waits for nobody.
	Speed float64

	// Camera, where set, stands between the tape and the firmware.
	Camera func(hal.Camera) hal.Camera

	// Trace, where set, is told what the device does.
	Trace func(firmware.Trace)

	// Told, where set, is told of each wave when it has ended.
	Told func(Wave)
}

// ErrOld means a tape that was recorded before devices answered light
// challenges: no burst on it answers one.
var ErrOld = errors.New("the tape has no challenges: it was recorded before the vault's nonce chose the lights; record it again")

// ErrStills means a tape without shots.
var ErrStills = errors.New("no calibration, so no shots: a tape of stills cannot be replayed; eval reads pictures")

// File plays the tape of a file. What is wrong with the tape is in the Result.
func File(ctx context.Context, path string, o Options) Result {
	began := clock()
	res := Result{Tape: path, Name: NameOf(path)}
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		sum := sha256.New()
		err = play(ctx, io.TeeReader(f, sum), o, &res)
		if _, rest := io.Copy(sum, f); rest == nil {
			res.SHA256 = hex.EncodeToString(sum.Sum(nil))
		}
	}
	if err != nil {
		res.Error = err.Error()
		res.Usage = errors.Is(err, tape.ErrForeign) || errors.Is(err, ErrStills) || errors.Is(err, os.ErrNotExist)
	}
	res.Took = clock() - began
	return res
}

func play(ctx context.Context, r io.Reader, o Options, res *Result) error {
	t, err := tape.Open(r)
	if err != nil {
		return err
	}
	res.Synthetic = t.Meta().Synthetic
	if t.Calibration() == nil {
		return ErrStills
	}
	chance, restore := drawFrom([32]byte{})
	defer restore()
	run := &run{tape: t, options: o, chance: chance, result: res}
	if o.Speed > 0 {
		return run.play(ctx)
	}
	var played error
	if err := Virtual(func() {
		// Whoever interrupts is outside of the bubble.
		run.interrupted = func() bool { return ctx.Err() != nil }
		played = run.play(context.Background())
	}); err != nil {
		return err
	}
	return played
}

// run is one playing of one tape.
type run struct {
	tape        *tape.Reader
	options     Options
	chance      *chance
	result      *Result
	interrupted func() bool

	player *tape.Player
	log    *log
}

func (r *run) play(ctx context.Context) error {
	v, err := StartVault(ctx, NewShelf())
	if err != nil {
		return err
	}
	defer v.Close()
	dev, err := device(r.tape)
	if err != nil {
		return err
	}
	dial, err := v.Dialer(dev.Identity, dev.Store)
	if err != nil {
		return err
	}
	r.player, r.log = tape.Play(r.tape), newLog(r.options.Told)
	d := newDoor(r.player, r.log)
	dev.Presence, dev.Camera = d, &pace{Camera: r.player, speed: r.options.Speed, interrupted: r.interrupted}
	if r.options.Camera != nil {
		dev.Camera = r.options.Camera(dev.Camera)
	}
	err = firmware.Run(ctx, dev, firmware.Config{
		Orders: d, Decided: d.decided, ShowFor: time.Millisecond, Findings: r.log.finding,
		Dial: func(ctx context.Context) (firmware.Vault, error) {
			s, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return &witness{s, r}, nil
		},
		Trace: func(t firmware.Trace) {
			r.log.trace(t)
			if r.options.Trace != nil {
				r.options.Trace(t)
			}
			// What a decision has been shown for is over.
			if t.Kind == firmware.KindState && t.To == firmware.Remove.String() {
				r.player.Leave()
			}
		},
	})
	d.flush()
	r.result.Waves, r.result.Times = r.log.waves, r.log.times
	switch {
	case errors.Is(err, errInterrupted):
		return context.Canceled
	case errors.Is(err, tape.ErrTruncated), errors.Is(err, tape.ErrDamaged), ctx.Err() != nil:
		return errors.Join(err, ctx.Err())
	case err != nil && !errors.Is(err, hal.ErrEnd):
		return err
	case d.old():
		return ErrOld
	}
	return nil
}

// device is a simulated board that is calibrated as the tape's was.
func device(t *tape.Reader) (*hal.Device, error) {
	board, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		return nil, err
	}
	b, err := sim.New(sim.Options{Board: board, Unit: t.Meta().Unit})
	if err != nil {
		return nil, err
	}
	dev := b.Device()
	dev.Board, dev.Calibration = t.Meta().Board, *t.Calibration()
	return dev, nil
}

// witness sees what the device and the vault say to each other, and lets the
// vault ask what it asked when the tape was recorded.
type witness struct {
	firmware.Vault
	run *run
}

func (w *witness) Call(ctx context.Context, m wire.Message) (wire.Message, error) {
	var planted *wire.Nonce
	switch m := m.(type) {
	case wire.Begin:
		if planted = w.run.nonce(); planted != nil {
			w.run.chance.plant(planted)
		}
	case wire.Sample:
		w.run.log.sealed(&m)
	}
	reply, err := w.Vault.Call(ctx, m)
	switch r := reply.(type) {
	case wire.Challenge:
		recorded := planted != nil && r.Nonce == *planted
		if planted != nil && !recorded {
			return nil, fmt.Errorf("replay: the vault did not draw the recorded nonce")
		}
		w.run.log.challenged(recorded)
	case wire.Answer:
		w.run.log.answered(r, err)
	default:
		if _, sample := m.(wire.Sample); sample && err != nil {
			w.run.log.answered(wire.Answer{}, err)
		}
	}
	return reply, err
}

// nonce is that of the next challenge on the tape, in this wave.
func (r *run) nonce() *wire.Nonce {
	var n wire.Nonce
	found := r.player.Ahead(func(i tape.Item) bool {
		if i.Event == nil || i.Event.Name != tape.EventChallenge {
			return false
		}
		b, err := hex.DecodeString(i.Event.Fields["nonce"])
		return err == nil && len(b) == len(n) && copy(n[:], b) > 0
	})
	if !found {
		return nil
	}
	return &n
}

var errInterrupted = errors.New("replay: interrupted")

// pace gives shots when they were taken: as far apart as on the tape.
type pace struct {
	hal.Camera
	speed       float64
	interrupted func() bool

	last time.Duration // on the tape
	told time.Time     // when it was given
}

// longest is the longest gap between shots that is waited for: what a
// firmware passes over is not the camera's delay.
const longest = 250 * time.Millisecond

func (p *pace) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if p.interrupted != nil && p.interrupted() {
		return hal.Shot{}, fmt.Errorf("%w: %w", hal.ErrEnd, errInterrupted)
	}
	s, err := p.Camera.Shoot(ctx, l)
	if err != nil {
		return s, err
	}
	if gap := s.NIR.At - p.last; !p.told.IsZero() && gap > 0 {
		if p.speed > 0 {
			gap = time.Duration(float64(gap) / p.speed)
		}
		wait := min(gap, longest) - time.Since(p.told)
		if wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				return hal.Shot{}, ctx.Err()
			}
		}
	}
	p.last, p.told = s.NIR.At, time.Now()
	return s, nil
}
