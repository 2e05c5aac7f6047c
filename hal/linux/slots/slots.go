// Package slots is the two places that a Linux unit boots from: a boot and a
// root partition each, and the block bootstate, in which the unit and the
// boot loader tell each other which one to boot (wire/bootstate).
package slots

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"volar/hal"
	"volar/wire/bootstate"
)

// The parts of a slot.
const (
	Boot = "boot" // the signed FIT: kernel and first stage
	Root = "root" // the read-only root and its verity tree
)

// DefaultTries is how often the boot loader starts a slot on trial before it
// goes back. One would do if nobody ever pulled a plug in the wrong second.
const DefaultTries = 3

// Why a slot is not touched.
var (
	ErrOnTrial  = errors.New("the running slot is itself on trial")
	ErrNotReady = errors.New("no whole system was written to it")
	ErrLast     = errors.New("the other slot is not good either")
)

// Medium is a partition, or a file that stands for one.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error // after this, what was written outlives a power cut
	Drop() error // reads after this come from the medium, not from a cache
	Size() int64
}

// Options are what Open needs. All but Tries is needed.
type Options struct {
	Running string                                        // "a" or "b", as the boot loader said
	Paths   Paths                                         // of the partitions
	Open    func(path string, write bool) (Medium, error) // nil is OpenMedium
	Tries   int                                           // 1 to 9; 0 is DefaultTries
	Note    func(format string, args ...any)              // told of repairs; may be nil
}

// Slots is a hal.Slots, and what an update needs beside it. It may be used by
// several goroutines at once; one process only may have it open.
type Slots struct {
	opt   Options
	mu    sync.Mutex
	state Medium
}

var _ hal.Slots = (*Slots)(nil)

// Open opens the boot state, and makes its two copies equal if they are not.
func Open(opt Options) (*Slots, error) {
	if bootstate.Other(opt.Running) == "" {
		return nil, fmt.Errorf("slots: open: slot %q runs, allowed are a and b", opt.Running)
	}
	if opt.Tries == 0 {
		opt.Tries = DefaultTries
	}
	if opt.Tries < 1 || opt.Tries > bootstate.MaxLeft {
		return nil, fmt.Errorf("slots: open: %d tries, allowed 1 to %d", opt.Tries, bootstate.MaxLeft)
	}
	if opt.Open == nil {
		opt.Open = OpenMedium
	}
	m, err := opt.Open(opt.Paths.State, true)
	if err != nil {
		return nil, fmt.Errorf("slots: open the boot state: %w", err)
	}
	if _, repaired, err := bootstate.Repair(m); err != nil {
		return nil, errors.Join(fmt.Errorf("slots: open: %w", err), m.Close())
	} else if repaired && opt.Note != nil {
		opt.Note("slots: the two copies of the boot state were not equal; they are now")
	}
	return &Slots{opt: opt, state: m}, nil
}

// Close closes the boot state.
func (s *Slots) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Close()
}

// Running is "a" or "b".
func (s *Slots) Running() string { return s.opt.Running }

// other is the slot that does not run.
func (s *Slots) other() string { return bootstate.Other(s.opt.Running) }

// Tries is how many tries TryOther gives.
func (s *Slots) Tries() uint8 { return uint8(s.opt.Tries) }

// State is what stands in the block now.
func (s *Slots) State() (bootstate.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, _, err := bootstate.Read(s.state)
	return st, err
}

// change replaces the state by what edit makes of it. Where that is the same,
// nothing is written.
func (s *Slots) change(edit func(bootstate.State) (bootstate.State, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, from, err := bootstate.Read(s.state)
	if err != nil {
		return err
	}
	now, err := edit(old)
	if err != nil || now == old {
		return err
	}
	return bootstate.Write(s.state, now, from)
}

// Clear takes the other slot out of service, before anything is written to
// it. It refuses while the running slot is on trial: the other one is then
// what the unit goes back to.
func (s *Slots) Clear() error {
	return s.change(func(st bootstate.State) (bootstate.State, error) {
		if st.Of(s.opt.Running).Status == bootstate.Trial {
			return st, fmt.Errorf("slots: write slot %s: %w", s.other(), ErrOnTrial)
		}
		st.First = s.opt.Running
		return st.With(s.other(), bootstate.Slot{Status: bootstate.Bad}), nil
	})
}

// Ready says that the other slot is whole. The caller has read it back.
func (s *Slots) Ready() error {
	return s.change(func(st bootstate.State) (bootstate.State, error) {
		if now := st.Of(s.other()).Status; now != bootstate.Bad && now != bootstate.Ready {
			return st, fmt.Errorf("slots: slot %s is %v: only what was cleared becomes ready", s.other(), now)
		}
		return st.With(s.other(), bootstate.Slot{Status: bootstate.Ready}), nil
	})
}

// TryOther lets the next boots be of the other slot, as many as it has
// tries, and then of this one again.
func (s *Slots) TryOther() error {
	return s.change(func(st bootstate.State) (bootstate.State, error) {
		if st.Of(s.other()).Status != bootstate.Ready {
			return st, fmt.Errorf("slots: try slot %s: %w", s.other(), ErrNotReady)
		}
		st.First = s.other()
		return st.With(s.other(), bootstate.Slot{Status: bootstate.Trial, Left: uint8(s.opt.Tries)}), nil
	})
}

// Confirm keeps the running slot. The other one stays as it is.
func (s *Slots) Confirm() error {
	return s.change(func(st bootstate.State) (bootstate.State, error) {
		st.First = s.opt.Running
		return st.With(s.opt.Running, bootstate.Slot{Status: bootstate.Good}), nil
	})
}

// Bad takes a slot out of service for good: it is damaged, came back from a
// trial, or lies below the floor. It refuses (ErrLast) where the other one is
// not good: a unit boots something.
func (s *Slots) Bad(slot string) error {
	return s.change(func(st bootstate.State) (bootstate.State, error) {
		rest := bootstate.Other(slot)
		if rest == "" {
			return st, fmt.Errorf("slots: there is no slot %q", slot)
		}
		if st.Of(rest).Status != bootstate.Good {
			return st, fmt.Errorf("slots: give up slot %s: %w: %v", slot, ErrLast, st.Of(rest).Status)
		}
		st.First = rest
		return st.With(slot, bootstate.Slot{Status: bootstate.Bad}), nil
	})
}
