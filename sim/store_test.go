package sim

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"volar/hal"
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

func (f *failing) write(name string, r io.Reader) error {
	half, err := f.cut()
	if err == nil {
		return f.memory.write(name, r)
	}
	if half {
		if werr := f.memory.write(name, io.LimitReader(r, 3)); werr != nil {
			return werr
		}
	}
	return err
}

func (f *failing) rename(from, to string) error {
	half, err := f.cut()
	if err == nil || half && f.done {
		return errors.Join(f.memory.rename(from, to), err)
	}
	return err
}

func (f *failing) remove(name string) error {
	half, err := f.cut()
	if err == nil || half && f.done {
		return errors.Join(f.memory.remove(name), err)
	}
	return err
}

func (f *failing) sync() error {
	_, err := f.cut()
	return err
}

// everyCut runs do on a copy of disk, with the power cut at each change in
// turn, and then look at what is left. It returns the number of cuts.
func everyCut(disk *memory, do func(disk) error, look func(left disk, ok bool)) int {
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

func TestStoreOutlivesPowerCuts(t *testing.T) {
	old, fresh := []byte("the old value"), []byte("a new value")
	state := newMemory()
	s := &store{disk: state}
	for _, k := range []string{"a", "b"} {
		if err := s.Put(k, old); err != nil {
			t.Fatal(err)
		}
	}
	read := func(d disk, key string) []byte {
		v, err := (&store{disk: d}).Get(key)
		if errors.Is(err, hal.ErrNotFound) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	cuts := everyCut(state, func(d disk) error { return (&store{disk: d}).Put("a", fresh) }, func(d disk, ok bool) {
		a := read(d, "a")
		if !bytes.Equal(a, fresh) && (ok || !bytes.Equal(a, old)) {
			t.Errorf("Put told %v and left %q", ok, a)
		}
		if !bytes.Equal(read(d, "b"), old) {
			t.Error("Put changed another key")
		}
		// And the store goes on: what a cut left behind is in nobody's way.
		if err := (&store{disk: d}).Put("c", fresh); err != nil || !bytes.Equal(read(d, "c"), fresh) {
			t.Errorf("Put after a cut: %v", err)
		}
	})
	if cuts != 3 {
		t.Errorf("Put has %d changes to cut, want 3: write, rename, sync", cuts)
	}
	everyCut(state, func(d disk) error { return (&store{disk: d}).Delete("a") }, func(d disk, ok bool) {
		if a := read(d, "a"); a != nil && (ok || !bytes.Equal(a, old)) {
			t.Errorf("Delete told %v and left %q", ok, a)
		}
	})
	everyCut(state, func(d disk) error { return (&counter{store: &store{disk: d}}).RaiseTo(7) }, func(d disk, ok bool) {
		v, err := (&counter{store: &store{disk: d}}).Value()
		if err != nil || v != 7 && (ok || v != 0) {
			t.Errorf("RaiseTo told %v and left %d, %v", ok, v, err)
		}
	})
}

// lying is a disk that loses what it was given.
type lying struct{ *memory }

func (l lying) write(name string, r io.Reader) error {
	return l.memory.write(name, io.LimitReader(r, 2))
}

func TestStoreReadsBack(t *testing.T) {
	s := &store{disk: lying{newMemory()}}
	if err := s.Put("a", []byte("value")); err == nil || !strings.Contains(err.Error(), "read back") {
		t.Errorf("Put on a disk that lies: %v", err)
	}
	if _, err := s.Get("a"); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("what was lost has a name: %v", err)
	}
}

// A slot is never tried unless it was written whole, and never twice.
func TestSlotsOutlivePowerCuts(t *testing.T) {
	state := newMemory()
	images := newMemory()
	update := func(d disk) error {
		b, err := boot(&store{disk: d}, images)
		if err != nil {
			return err
		}
		if err := b.WriteOther(t.Context(), strings.NewReader("image")); err != nil {
			return err
		}
		return b.TryOther()
	}
	cuts := everyCut(state, update, func(d disk, ok bool) {
		first, err := boot(&store{disk: d}, images)
		if err != nil {
			t.Fatal(err)
		}
		if ok && first.Running() != "b" {
			t.Error("an update that was done is not tried")
		}
		second, err := boot(&store{disk: d}, images)
		if err != nil || second.Running() != "a" {
			t.Errorf("an update that nobody confirmed runs again: %v", err)
		}
	})
	if cuts < 9 {
		t.Errorf("%d cuts, want at least 9", cuts)
	}
}

func TestSlotOnTrialKeepsTheGoodOne(t *testing.T) {
	s, images := &store{disk: newMemory()}, newMemory()
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
		if err := unit.write(key, strings.NewReader(val)); err != nil {
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
