package sim

import (
	"errors"
	"io"
	"strings"
	"testing"

	"volar/hal/store"
)

// failing is a disk that a power cut stops at its n-th change. The change
// itself is done by half: a write leaves the first bytes, a rename or a
// removal is done or not.
type failing struct {
	*memory
	left int // changes until the cut
	done bool
}

var errCut = errors.New("the power is gone")

// cut counts a change and tells whether it is the one that is done by half.
func (f *failing) cut() (half bool, err error) {
	f.left--
	if f.left > 0 {
		return false, nil
	}
	return f.left == 0, errCut
}

func (f *failing) Write(name string, r io.Reader) error {
	half, err := f.cut()
	if err == nil {
		return f.memory.Write(name, r)
	}
	if half {
		if werr := f.memory.Write(name, io.LimitReader(r, 3)); werr != nil {
			return werr
		}
	}
	return err
}

func (f *failing) Rename(from, to string) error {
	half, err := f.cut()
	if err == nil || half && f.done {
		return errors.Join(f.memory.Rename(from, to), err)
	}
	return err
}

func (f *failing) Remove(name string) error {
	half, err := f.cut()
	if err == nil || half && f.done {
		return errors.Join(f.memory.Remove(name), err)
	}
	return err
}

func (f *failing) Sync() error {
	_, err := f.cut()
	return err
}

// everyCut runs do on a copy of disk, with the power cut at each change in
// turn, and then look at what is left. It returns the number of cuts.
func everyCut(disk *memory, do func(store.Disk) error, look func(left store.Disk, ok bool)) int {
	for n := 1; ; n++ {
		var err error
		for _, done := range []bool{false, true} {
			f := &failing{memory: disk.clone(), left: n, done: done}
			err = do(f)
			look(f.memory, err == nil)
		}
		if err == nil {
			return n - 1
		}
	}
}

// A counter has its old value or the new one.
func TestCounterOutlivesPowerCuts(t *testing.T) {
	cuts := everyCut(newMemory(), func(d store.Disk) error { return (&counter{store: store.On(d)}).RaiseTo(7) }, func(d store.Disk, ok bool) {
		v, err := (&counter{store: store.On(d)}).Value()
		if err != nil || v != 7 && (ok || v != 0) {
			t.Errorf("RaiseTo told %v and left %d, %v", ok, v, err)
		}
	})
	if cuts != 3 {
		t.Errorf("RaiseTo has %d changes to cut, want 3: write, rename, sync", cuts)
	}
}

// A slot is never tried unless it was written whole, and never twice.
func TestSlotsOutlivePowerCuts(t *testing.T) {
	state := newMemory()
	images := newMemory()
	update := func(d store.Disk) error {
		b, err := boot(store.On(d), images)
		if err != nil {
			return err
		}
		if err := b.WriteOther(t.Context(), strings.NewReader("image")); err != nil {
			return err
		}
		return b.TryOther()
	}
	cuts := everyCut(state, update, func(d store.Disk, ok bool) {
		first, err := boot(store.On(d), images)
		if err != nil {
			t.Fatal(err)
		}
		if ok && first.Running() != "b" {
			t.Error("an update that was done is not tried")
		}
		second, err := boot(store.On(d), images)
		if err != nil || second.Running() != "a" {
			t.Errorf("an update that nobody confirmed runs again: %v", err)
		}
	})
	if cuts < 9 {
		t.Errorf("%d cuts, want at least 9", cuts)
	}
}

func TestSlotOnTrialKeepsTheGoodOne(t *testing.T) {
	s, images := store.On(newMemory()), newMemory()
	b, err := boot(s, images)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.WriteOther(t.Context(), strings.NewReader("image")), b.TryOther()); err != nil {
		t.Fatal(err)
	}
	trial, err := boot(s, images)
	if err != nil || trial.Running() != "b" {
		t.Fatalf("running %s, %v", trial.Running(), err)
	}
	if err := trial.WriteOther(t.Context(), strings.NewReader("image")); err == nil {
		t.Error("a slot on trial overwrites the one to fall back to")
	}
}

func TestDamagedStateIsAnError(t *testing.T) {
	for key, val := range map[string]string{identityKey: "short", slotsKey: "{", counterKey: "many"} {
		unit := newMemory()
		if err := unit.Write(key, strings.NewReader(val)); err != nil {
			t.Fatal(err)
		}
		b, err := start(Options{Board: tiny(t)}, newMemory(), unit, newMemory())
		if err == nil {
			_, err = b.Device().Counter.Value()
		}
		if err == nil {
			t.Errorf("a damaged %s is taken for a new one", key)
		}
	}
}
