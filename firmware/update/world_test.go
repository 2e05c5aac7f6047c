package update

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"volar/hal"
	"volar/hal/linux/slots"
	"volar/wire/bootstate"
	"volar/wire/bundle"
)

var (
	errCut    = errors.New("the power was cut")
	errFailed = errors.New("input/output error")
	key       = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32))
)

// moment is when in an operation the power goes, or that it fails.
type moment int

const (
	before moment = iota // nothing of it was done
	half                 // half of the bytes arrived
	after                // all was done, and nobody was told
	fails                // nothing was done, and the power stays
	moments
)

// world is a unit and all that outlives a power cut: its disk, its TPM, its
// boot state. Each operation on them is counted; at number cut, something happens.
type world struct {
	ops, cut int
	at       moment
	dead     bool
	log      []string // of the operations

	store   map[string][]byte
	staging []byte
	parts   map[string][]byte // boot state and partitions, by path
	counter uint64
	sealed  map[[32]byte]uint64 // floors, by the hash of the boot part that opens the data

	restarted bool
	came      []string // what ran, start by start
}

// op counts an operation. do is how much of it happens: 0 nothing, 1 half, 2
// all; err is what its caller is told.
func (w *world) op(name string) (do int, err error) {
	if w.dead {
		return 0, errCut
	}
	w.ops++
	w.log = append(w.log, name)
	if w.ops != w.cut {
		return 2, nil
	}
	if w.at == fails {
		return 0, errFailed
	}
	w.dead = true
	return int(w.at), errCut
}

// do is op for what happens as a whole or not at all.
func (w *world) do(name string, effect func()) error {
	do, err := w.op(name)
	if do == 2 {
		effect()
	}
	return err
}

// The store, whose Put is all or nothing.
func (w *world) Get(k string) ([]byte, error) {
	if w.dead {
		return nil, errCut
	}
	if b, ok := w.store[k]; ok {
		return bytes.Clone(b), nil
	}
	return nil, hal.ErrNotFound
}
func (w *world) Put(k string, b []byte) error {
	return w.do("store", func() { w.store[k] = bytes.Clone(b) })
}
func (w *world) Delete(k string) error { return w.do("delete", func() { delete(w.store, k) }) }

// The counter in the TPM.
func (w *world) Value() (uint64, error) { return w.counter, w.do("read the counter", func() {}) }
func (w *world) RaiseTo(v uint64) error {
	return w.do("raise the counter", func() { w.counter = max(w.counter, v) })
}

// The sealed keys.
func (w *world) SealFor(_ context.Context, _ string, fit [32]byte, floor uint64) error {
	return w.do("seal", func() { w.sealed[fit] = floor })
}
func (w *world) Prune(context.Context) error {
	return w.do("prune", func() {
		for fit := range w.sealed {
			if fit != w.fit("a") && fit != w.fit("b") {
				delete(w.sealed, fit)
			}
		}
	})
}

// staging keeps what was fetched.
type staging struct{ *world }

func (s staging) ReadAt(b []byte, at int64) (int, error) {
	if s.dead {
		return 0, errCut
	}
	return bytes.NewReader(s.staging).ReadAt(b, at)
}
func (s staging) Size() (int64, error) {
	if s.dead {
		return 0, errCut
	}
	return int64(len(s.staging)), nil
}
func (s staging) Append(b []byte) error {
	do, err := s.op("stage")
	s.staging = append(s.staging, b[:len(b)*do/2]...)
	return err
}
func (s staging) Room() (int64, error) { return 1 << 30, nil }
func (s staging) Reset() error         { return s.do("forget what was staged", func() { s.staging = nil }) }

// medium is a partition. What is written and not synced may be lost in a power
// cut: here it is lost when the cut is between the two.
type medium struct {
	w    *world
	path string
}

func (m medium) ReadAt(b []byte, at int64) (int, error) {
	if m.w.dead {
		return 0, errCut
	}
	return bytes.NewReader(m.w.parts[m.path]).ReadAt(b, at)
}
func (m medium) WriteAt(b []byte, at int64) (int, error) {
	do, err := m.w.op("write " + m.path)
	copy(m.w.parts[m.path][at:], b[:len(b)*do/2])
	return len(b) * do / 2, err
}
func (m medium) Sync() error  { return m.w.do("sync "+m.path, func() {}) }
func (m medium) Drop() error  { return nil }
func (m medium) Close() error { return nil }
func (m medium) Size() int64  { return int64(len(m.w.parts[m.path])) }

var paths = slots.Paths{State: "bootstate", BootA: "boot_a", BootB: "boot_b", RootA: "root_a", RootB: "root_b"}

// newWorld is a unit as it comes from the factory with a system in both slots.
func newWorld(s system) *world {
	image, err := bootstate.Image(bootstate.Default())
	if err != nil {
		panic(err)
	}
	sys := build(s)
	w := &world{store: map[string][]byte{}, parts: map[string][]byte{"bootstate": image}, sealed: map[[32]byte]uint64{}}
	for _, slot := range []string{"a", "b"} {
		for i, name := range bundle.Names {
			w.parts[name+"_"+slot] = append(bytes.Clone(sys.Parts[i]), make([]byte, partSize-len(sys.Parts[i]))...)
		}
	}
	w.sealed[w.fit("a")] = s.Floor
	return w
}

// boot starts the unit: boot loader, first stage, and the program that keeps
// it. It returns what runs, or nothing where the power went.
func (w *world) boot(t *testing.T) (system, *Updater) {
	t.Helper()
	for range 20 {
		w.dead, w.restarted = false, false
		s, sl, why := w.load(t)
		switch {
		case w.dead:
			w.came = append(w.came, "cut")
		case why != "":
			w.came = append(w.came, why)
		default:
			u, err := New(w.config(s, sl))
			if err != nil { // a disk that fails once; the program is started again
				continue
			}
			w.came = append(w.came, fmt.Sprintf("%s in %s", s.Name, sl.Running()))
			return s, u
		}
	}
	t.Fatalf("the unit does not come up: %q", w.came)
	return system{}, nil
}

// load is boot loader and first stage. why says that the unit was reset.
func (w *world) load(t *testing.T) (s system, sl *slots.Slots, why string) {
	m := medium{w, "bootstate"}
	st, from, err := bootstate.Read(m)
	if err != nil {
		return s, nil, "no boot state"
	}
	slot, after := st.Pick()
	if after != st {
		if err := bootstate.Write(m, after, from); err != nil {
			return s, nil, "the trial could not be counted"
		}
	}
	give := func(why string) (system, *slots.Slots, string) { // definite damage
		if st.Of(bootstate.Other(slot)).Status == bootstate.Good {
			_ = bootstate.Write(m, after.With(slot, bootstate.Slot{Status: bootstate.Bad}), from)
		}
		return s, nil, why
	}
	s, _, err = read(w.parts["boot_"+slot])
	if err != nil {
		return give("boot of " + slot + " is damaged")
	}
	if sha256.Sum256(w.parts["root_"+slot][:s.Size]) != s.Root {
		return give("root of " + slot + " is damaged")
	}
	if floor, ok := w.sealed[w.fit(slot)]; !ok || s.Floor < w.counter || floor < w.counter {
		if st.Of(slot).Status == bootstate.Good && !w.dead {
			t.Fatalf("%s is good and does not open the data: floor %d, counter %d, sealed %v; %q", s.Name, s.Floor, w.counter, ok, w.came)
		}
		return s, nil, s.Name + " does not open the data"
	}
	if s.Manner == "dies" {
		return s, nil, s.Name + " dies"
	}
	sl, err = slots.Open(slots.Options{Running: slot, Paths: paths, Open: func(path string, _ bool) (slots.Medium, error) { return medium{w, path}, nil }})
	if err != nil {
		return s, nil, "no slots"
	}
	return s, sl, ""
}

func (w *world) config(s system, sl *slots.Slots) Config {
	return Config{Release: Release{"test", s.Name, s.Serial, s.Floor}, Key: key.Public().(ed25519.PublicKey), Slots: sl, Store: w, Staging: staging{w},
		Counter: w, Seal: w, Restart: func(string) { w.restarted = true }, Now: func() time.Time { return time.Unix(1e9, 0) },
		Health: func(context.Context) error {
			if s.Manner == "ill" {
				return errors.New("no camera")
			}
			return nil
		}}
}

// live runs the unit, start by start, bringing the bundle whenever it is idle,
// until it has nothing more to do. It returns what runs.
func (w *world) live(t *testing.T, o offered) (system, *Updater) {
	t.Helper()
	for range 40 {
		s, u := w.boot(t)
		if w.drive(t, u, o) {
			return s, u
		}
	}
	t.Fatalf("the unit never comes to rest: %q", w.came)
	return system{}, nil
}

// drive runs one start of the unit; true where it came to rest.
func (w *world) drive(t *testing.T, u *Updater, o offered) bool {
	t.Helper()
	for offers := 0; offers < 6; {
		if s := u.state(); s == Idle || s == Fetch {
			if u.Status().Last != nil && u.Status().Last.Done && s == Idle {
				return true
			}
			offers++
			err := o.bring(u)
			if errors.Is(err, ErrOld) || errors.Is(err, ErrCame) {
				return true
			}
			if err != nil && w.dead {
				return false
			}
			if err != nil {
				continue
			}
		}
		for range 30 { // what must be done is tried again
			if u.state() == Idle {
				break
			}
			restarts, err := u.step(t.Context())
			if restarts || w.dead || w.restarted {
				return false
			}
			if err != nil && !errors.Is(err, errFailed) {
				t.Fatalf("%v: %v", u.state(), err)
			}
		}
	}
	return true
}

// rest holds a unit that came to rest against what must be true of it.
func (w *world) rest(t *testing.T, s system, u *Updater, what string) {
	t.Helper()
	st, err := u.cfg.Slots.State()
	if err != nil {
		t.Fatal(err)
	}
	if got := u.state(); got != Idle {
		t.Errorf("%s: comes to rest in %v", what, got)
	}
	if running := u.cfg.Slots.Running(); st.Of(running).Status != bootstate.Good || st.First != running {
		t.Errorf("%s: %s runs in slot %s, and the boot state is %+v", what, s.Name, running, st)
	}
	if w.counter > s.Floor {
		t.Errorf("%s: the counter is %d and the floor of %s is %d", what, w.counter, s.Name, s.Floor)
	}
	if other := st.Of(bootstate.Other(u.cfg.Slots.Running())); other.Status == bootstate.Good {
		if o, _, err := read(w.parts["boot_"+bootstate.Other(u.cfg.Slots.Running())]); err != nil || o.Floor < w.counter {
			t.Errorf("%s: the other slot is good and holds %+v, %v; the counter is %d", what, o, err, w.counter)
		}
	}
	if len(w.staging) != 0 {
		t.Errorf("%s: %d bytes stay behind", what, len(w.staging))
	}
	// A good system is never counted out.
	image := bytes.Clone(w.parts["bootstate"])
	for range 12 {
		if again, _ := w.boot(t); again.Serial != s.Serial {
			t.Fatalf("%s: %s was confirmed, and %s runs; %q", what, s.Name, again.Name, w.came)
		}
	}
	if !bytes.Equal(image, w.parts["bootstate"]) {
		t.Errorf("%s: starting a good system changes the boot state", what)
	}
}

func names(w *world) []string { return slices.Compact(slices.Clone(w.log)) }
