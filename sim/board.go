// Package sim is a board without hardware: its cameras see a Scene, such as
// the synthetic people of this package, and everything else that hal asks of
// a board is kept in memory or in a folder.
package sim

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"time"

	"volar/boards"
	"volar/hal"
	"volar/hal/store"
)

// Scene is what is before the cameras.
type Scene interface {
	// Shoot returns what they see under light l from a time since boot on.
	// Both frames carry seq. The pixels may be reused in the next Shoot.
	Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot
}

// Guided is a Scene that sees the face of the device.
type Guided interface {
	Scene
	// Cue tells what the face shows now. It must not block.
	Cue(hal.Cue)
}

// Options are what a board is made of. Board is needed.
type Options struct {
	Board *boards.Board
	Unit  string // serial number; "" is "sim-1"

	// Dir keeps the identity, the store, the counter and the slots; where it
	// is "", they live in memory.
	Dir string

	// Speed is how many times faster than a real camera the simulated one is:
	// 0 means 1, math.Inf(1) never waits. The time that shots carry goes on by
	// one frame a shot whatever the speed, so equal runs have equal shots.
	Speed float64

	// Empty is what the cameras see where nothing is presented; nil is black.
	Empty Scene

	// Watch, where set, is told every cue that the face shows. It must not block.
	Watch func(hal.Cue)

	Faults []Fault
}

// Board is the simulated board.
type Board struct {
	opt      Options
	interval time.Duration // from one frame to the next, in the board's time
	kept     store.Disk    // store
	unit     store.Disk    // identity, counter, slots
	images   store.Disk
	device   *hal.Device

	shooting sync.Mutex // one Shoot at a time
	mu       sync.Mutex // what follows
	scene    Scene      // nil where nothing is presented
	near     bool
	changed  chan struct{} // closed when near changes
	waiting  int           // calls of Wait that wait for a hand
	idles    chan struct{} // closed when one begins to
	watcher  func(hal.Cue)
	now      time.Duration // since boot
	seq      uint32
	calls    int       // of Shoot
	ready    time.Time // when the next frame begins
	kicks    int
}

// New brings a board to life.
func New(opt Options) (*Board, error) {
	if opt.Dir == "" {
		return start(opt, newMemory(), newMemory(), newMemory())
	}
	var disks [3]store.Disk
	for i, sub := range []string{"store", "unit", "images"} {
		d, err := store.OpenFolder(filepath.Join(opt.Dir, sub))
		if err != nil {
			return nil, err
		}
		disks[i] = d
	}
	return start(opt, disks[0], disks[1], disks[2])
}

func start(opt Options, kept, unit, images store.Disk) (*Board, error) {
	if opt.Board == nil {
		return nil, fmt.Errorf("sim: new board: no descriptor")
	}
	if opt.Unit == "" {
		opt.Unit = "sim-1"
	}
	if opt.Speed == 0 {
		opt.Speed = 1
	}
	if !(opt.Speed > 0) {
		return nil, fmt.Errorf("sim: new board: speed %g, allowed over 0", opt.Speed)
	}
	for _, f := range opt.Faults {
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	b := &Board{
		opt: opt, kept: kept, unit: unit, images: images,
		interval: time.Second / time.Duration(min(opt.Board.RGB.FPS, opt.Board.NIR.FPS)),
		now:      time.Second, // boot itself takes a while
		changed:  make(chan struct{}),
		idles:    make(chan struct{}),
		watcher:  opt.Watch,
	}
	if b.opt.Empty == nil {
		b.opt.Empty = newBlack(opt.Board)
	}
	return b, b.boot()
}

func (b *Board) boot() error {
	unit := store.On(b.unit)
	id, err := openIdentity(unit)
	if err != nil {
		return err
	}
	slots, err := boot(unit, b.images)
	if err != nil {
		return err
	}
	b.device = &hal.Device{
		Board: b.opt.Board.Name, Unit: b.opt.Unit, Calibration: b.opt.Board.Calibration,
		Camera: camera{b}, Presence: presence{b}, Face: face{b}, Watchdog: watchdog{b},
		Identity: id, Store: store.On(b.kept), Counter: &counter{store: unit}, Slots: slots,
	}
	return b.device.Check()
}

// Reboot switches the board off and on. The old Board must not be used any more.
func (b *Board) Reboot() (*Board, error) {
	return start(b.opt, b.kept, b.unit, b.images)
}

// Device is the board as firmware sees it.
func (b *Board) Device() *hal.Device { return b.device }

// Present puts a scene before the cameras, and a hand near the sensor.
func (b *Board) Present(s Scene) { b.set(s, true) }

// Clear takes the scene away.
func (b *Board) Clear() { b.set(nil, false) }

func (b *Board) set(s Scene, near bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scene = s
	if b.near != near {
		b.near = near
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

// Now is the board's time since boot: that of its next frame.
func (b *Board) Now() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Pass lets time pass in which nobody looks through the cameras.
func (b *Board) Pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += max(d, 0)
}

// idle returns once the device waits for a hand.
func (b *Board) idle(ctx context.Context) error {
	for {
		b.mu.Lock()
		waiting, idles := b.waiting, b.idles
		b.mu.Unlock()
		if waiting > 0 {
			return ctx.Err()
		}
		select {
		case <-idles:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch lets another one see the cues too.
func (b *Board) watch(f func(hal.Cue)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.watcher
	b.watcher = func(c hal.Cue) {
		if first != nil {
			first(c)
		}
		f(c)
	}
}

// Kicks tells how often the watchdog was kicked.
func (b *Board) Kicks() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kicks
}

// pause is how long a duration of the board's time takes here.
func (b *Board) pause(d time.Duration) time.Duration {
	if math.IsInf(b.opt.Speed, 1) {
		return 0
	}
	return time.Duration(float64(d) / b.opt.Speed)
}
