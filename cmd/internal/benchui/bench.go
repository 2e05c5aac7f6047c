// Package benchui is a bench for palms: a simulated device, its firmware and a
// page in the browser from which a person drives it. The firmware and the
// vault behind it are the real ones; what lies over the cameras is synthetic,
// or on a tape that the user opened.
package benchui

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"volar/boards"
	"volar/enclave/attest"
	"volar/firmware"
	"volar/hal"
	"volar/sim"
	"volar/sim/palm"
	"volar/wire"
)

// Options are what a bench is made of.
type Options struct {
	Seed uint64 // of the synthetic people

	// Dial makes what the firmware reaches its vault with. told is to be
	// called with what each check of the vault's evidence gave.
	Dial func(dev *hal.Device, told func(attest.Claims)) (func(context.Context) (firmware.Vault, error), error)
	Host string // where that vault is, for the page

	Tapes []string // to step through
	Runs  []string // none, or two reports of 'palmsim replay --json' to set side by side
}

// Bench is a device and what its page shows.
type Bench struct {
	opt     Options
	sim     *sim.Board
	arm     *arm
	cameras *cameras
	board   *board
	tapes   []*film
	passes  []*pass

	mu      sync.Mutex
	held    Held
	purpose wire.Purpose
	order   wire.Person            // whom a verification or deletion is of
	people  map[wire.Person]string // who is enrolled, as far as the bench has seen
}

// first is what the page finds when it is opened.
var first = Held{Person: 0, Hand: "left", What: livingPalm, Condition: "none", Distance: 80}

// New readies a bench.
func New(o Options) (*Bench, error) {
	descriptor, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		return nil, err
	}
	rig := palm.DefaultRig()
	stage, err := sim.NewStage(descriptor, rig, o.Seed)
	if err != nil {
		return nil, err
	}
	b := &Bench{
		opt: o, cameras: newCameras(), board: newBoard(), held: first, purpose: wire.Identify, people: map[wire.Person]string{},
		arm: &arm{middle: -rig.Calibration.T[0] / 2, cast: (&theatre{seed: o.Seed, renderer: palm.NewRenderer(rig)}).cast, want: first},
	}
	if b.sim, err = sim.New(sim.Options{Board: descriptor, Unit: "bench-1", Empty: stage.Empty()}); err != nil {
		return nil, err
	}
	for _, path := range o.Tapes {
		f, err := openFilm(path)
		if err != nil {
			return nil, err
		}
		b.tapes = append(b.tapes, f)
	}
	if n := len(o.Runs); n != 0 && n != 2 {
		return nil, fmt.Errorf("bench: %d runs to compare, it takes two", n)
	}
	for _, path := range o.Runs {
		p, err := openPass(path)
		if err != nil {
			return nil, err
		}
		b.passes = append(b.passes, p)
	}
	b.board.change(func(v *View) {
		v.Held, v.Purpose, v.Vault.Host = first, wire.Identify.String(), o.Host
	})
	return b, nil
}

// Run is the device's life. It returns when ctx ends.
func (b *Bench) Run(ctx context.Context) error {
	dev := *b.sim.Device()
	dev.Camera = watched{dev.Camera, b.cameras}
	dial, err := b.opt.Dial(&dev, b.checked)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	err = firmware.Run(ctx, &dev, firmware.Config{
		Dial: dial, Orders: orders{b}, Decided: b.decided, Trace: b.trace,
		Findings: func(f firmware.Finding) { b.board.found(f, &dev.Calibration) },
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// checked shows whom the device speaks to.
func (b *Bench) checked(c attest.Claims) {
	b.board.change(func(v *View) {
		v.Vault = vaultView{
			Measurement: hex.EncodeToString(c.Measurement[:]), Kind: c.Kind, Release: c.Release, Epoch: c.Epoch,
			Key: hex.EncodeToString(c.VaultKey[:]), Notice: c.Notice, Checked: time.Now().Format(time.TimeOnly), Host: b.opt.Host,
		}
	})
}

// trace keeps the burst's shots while there is one.
func (b *Bench) trace(t firmware.Trace) {
	if t.Kind == firmware.KindState {
		taking := t.To == firmware.Capture.String()
		if id, lights := b.cameras.take(taking); !taking && t.From == firmware.Capture.String() {
			b.board.change(func(v *View) { v.BurstID, v.Burst = id, lights })
		}
	}
	b.board.trace(t)
}

// Hold takes what the page holds out.
func (b *Bench) Hold(h Held) error {
	if err := h.Check(); err != nil {
		return err
	}
	b.mu.Lock()
	came, went := h.Out && !b.held.Out, !h.Out && b.held.Out
	b.held = h
	b.mu.Unlock()
	b.arm.hold(h)
	if came {
		b.arm.comes(b.sim.Now())
		b.sim.Present(b.arm)
	}
	if went {
		b.sim.Clear()
	}
	b.board.change(func(v *View) { v.Held = h })
	return nil
}

// Order is what the next wave is for; who is the name of somebody enrolled,
// for what is of somebody.
func (b *Bench) Order(purpose, who string) error {
	for _, p := range []wire.Purpose{wire.Identify, wire.Enrol, wire.Verify, wire.Delete} {
		if p.String() != purpose {
			continue
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		order := wire.Person{}
		if p == wire.Verify || p == wire.Delete {
			for person, name := range b.people {
				if name == who {
					order = person
				}
			}
			if order == (wire.Person{}) {
				return fmt.Errorf("%s: %q is nobody whom this bench has seen enrolled", purpose, who)
			}
		}
		b.purpose, b.order = p, order
		b.board.change(func(v *View) { v.Purpose, v.Order = purpose, who })
		return nil
	}
	return fmt.Errorf("purpose %q, allowed identify, enrol, verify, delete", purpose)
}

// orders is the till of the bench.
type orders struct{ b *Bench }

func (o orders) Next(ctx context.Context) (firmware.Order, error) {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	return firmware.Order{Purpose: o.b.purpose, Person: o.b.order}, ctx.Err()
}

// decided shows how a wave ended, and learns who is enrolled.
func (b *Bench) decided(d firmware.Decision) {
	b.mu.Lock()
	held := b.held
	who := ""
	if d.Outcome == firmware.Accepted {
		switch name, known := b.people[d.Person]; {
		case d.Order.Purpose == wire.Delete:
			delete(b.people, d.Person)
			who = name + ", deleted"
		case known:
			who = name
		default:
			who = fmt.Sprintf("person %d", held.Person)
			b.people[d.Person] = who
		}
		who += fmt.Sprintf(" (%x…)", d.Person[:4])
	}
	var people []string
	for _, name := range b.people {
		people = append(people, name)
	}
	b.mu.Unlock()
	slices.Sort(people)
	w := waveView{
		Wave: d.Wave, Purpose: d.Order.Purpose.String(), Outcome: string(d.Outcome), Who: who, Bursts: d.Bursts,
		Held: fmt.Sprintf("%s of person %d, %s", held.What, held.Person, held.Hand), MS: milliseconds(d.Took),
	}
	b.board.change(func(v *View) {
		v.People = people
		v.Waves = append([]waveView{w}, v.Waves[:min(len(v.Waves), maxWaves-1)]...)
	})
}
