package update

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"volar/wire/bundle"
)

// settled is a unit that runs system s and has nothing to do.
func settled(t *testing.T, s system) (*world, *Updater) {
	t.Helper()
	w := newWorld(s)
	_, u := w.boot(t)
	return w, u
}

// TestOffer: what a unit takes, and what it refuses before a byte is sent.
func TestOffer(t *testing.T) {
	next := system{Name: "1.1.0", Serial: 11, Floor: 2}
	for name, c := range map[string]struct {
		runs    system
		now     system
		base    *system
		edit    func(*world, *Updater, *offered)
		refused error
	}{
		"newer":                     {runs: old, now: next},
		"made from what runs":       {runs: old, now: next, base: &old},
		"the same":                  {runs: next, now: next, refused: ErrOld},
		"older":                     {runs: system{Name: "2", Serial: 12, Floor: 1}, now: next, refused: ErrOld},
		"older, but a higher floor": {runs: system{Name: "2", Serial: 12, Floor: 1}, now: system{Name: "1", Serial: 11, Floor: 9}, refused: ErrOld},
		"below what runs":           {runs: system{Name: "1", Serial: 10, Floor: 3}, now: next, refused: ErrFloor},
		"below the counter":         {runs: old, now: system{Name: "2", Serial: 12, Floor: 1}, refused: ErrFloor, edit: func(w *world, _ *Updater, _ *offered) { w.counter = 2 }},
		"made from another":         {runs: old, now: next, base: &system{Name: "0.9", Serial: 9, Floor: 1}, refused: bundle.ErrBase},
		"another board":             {runs: old, now: next, refused: ErrBoard, edit: func(_ *world, u *Updater, _ *offered) { u.cfg.Release.Board = "other" }},
		"another key": {runs: old, now: next, refused: bundle.ErrSignature,
			edit: func(_ *world, u *Updater, _ *offered) { u.cfg.Key = bytes.Repeat([]byte{9}, ed25519.PublicKeySize) }},
		"one bit": {runs: old, now: next, refused: bundle.ErrSignature, edit: func(_ *world, _ *Updater, o *offered) {
			o.manifest = bytes.Clone(o.manifest)
			o.manifest[len(o.manifest)-1] ^= 1
		}},
		"too large for its partition": {runs: old, now: next, refused: ErrSpace, edit: func(w *world, _ *Updater, _ *offered) { w.parts["root_b"] = w.parts["root_b"][:1000] }},
		"no room on the data partition": {runs: old, now: next, refused: ErrSpace,
			edit: func(w *world, u *Updater, _ *offered) { u.cfg.Staging = full{staging{w}} }},
		"came back too often": {runs: old, now: next, refused: ErrCame, edit: func(_ *world, u *Updater, o *offered) {
			u.rec.Failures = []failure{{id(o.manifest), maxFailures}}
		}},
		"came back less often": {runs: old, now: next, edit: func(_ *world, u *Updater, o *offered) {
			u.rec.Failures = []failure{{id(o.manifest), maxFailures - 1}}
		}},
		"while one is installed": {runs: old, now: next, refused: ErrBusy, edit: func(_ *world, u *Updater, _ *offered) { u.rec.State = Write }},
	} {
		t.Run(name, func(t *testing.T) {
			w, u := settled(t, c.runs)
			o := offer(c.now, c.base)
			if c.edit != nil {
				c.edit(w, u, &o)
			}
			ops := len(w.store)
			_, err := u.Offer(t.Context(), o.manifest)
			if !errors.Is(err, c.refused) {
				t.Errorf("%v, want %v", err, c.refused)
			}
			if c.refused != nil && len(w.store) != ops {
				t.Error("what was refused left something behind")
			}
			if c.refused == nil && u.state() != Fetch {
				t.Errorf("accepted, and the update is %v", u.state())
			}
		})
	}
}

// full is a data partition without room.
type full struct{ staging }

func (full) Room() (int64, error) { return 100, nil }

// TestBlock: blocks arrive in order, twice where the line repeats, and nothing else.
func TestBlock(t *testing.T) {
	w, u := settled(t, old)
	o := offer(system{Name: "1.1.0", Serial: 11, Floor: 1}, nil)
	ctx := t.Context()
	if err := u.Block(ctx, 0, o.payload[:9]); err == nil {
		t.Error("a block without an offer is taken")
	}
	if _, err := u.Offer(ctx, o.manifest); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at, end int64
		ok      bool
		have    int64
	}{
		{0, 100, true, 100}, {0, 100, true, 100}, {50, 150, true, 150}, {151, 160, false, 150}, {-1, 9, false, 150}, {150, 150, true, 150},
	} {
		b := o.payload[max(c.at, 0):c.end]
		if err := u.Block(ctx, c.at, b); (err == nil) != c.ok {
			t.Errorf("block at %d of %d: %v", c.at, len(b), err)
		}
		if have, err := u.Offer(ctx, o.manifest); err != nil || have != c.have {
			t.Errorf("after the block at %d: has %d, %v, want %d", c.at, have, err, c.have)
		}
	}
	if err := u.Block(ctx, 150, make([]byte, len(o.payload))); err == nil {
		t.Error("more bytes than the bundle has are taken")
	}
	if err := u.Block(ctx, 150, make([]byte, MaxBlock+1)); err == nil {
		t.Error("too long a block is taken")
	}
	if !bytes.Equal(w.staging, o.payload[:150]) {
		t.Error("other bytes are kept")
	}
	if err := o.bring(u); err != nil {
		t.Fatal(err)
	}
	if _, err := u.step(ctx); err != nil || u.state() != Verify {
		t.Fatalf("all is here, and the update is %v, %v", u.state(), err)
	}
	if err := u.Block(ctx, 0, o.payload[:9]); err != nil {
		t.Errorf("the last block once more: %v", err)
	}
}

// Another offer replaces one that is not whole, and its bytes.
func TestAnotherOffer(t *testing.T) {
	w, u := settled(t, old)
	first, second := offer(system{Name: "1.1.0", Serial: 11, Floor: 1}, nil), offer(system{Name: "1.2.0", Serial: 12, Floor: 1}, &old)
	if _, err := u.Offer(t.Context(), first.manifest); err != nil {
		t.Fatal(err)
	}
	if err := u.Block(t.Context(), 0, first.payload[:1000]); err != nil {
		t.Fatal(err)
	}
	if have, err := u.Offer(t.Context(), second.manifest); err != nil || have != 0 || len(w.staging) != 0 {
		t.Fatalf("has %d, %v, %d bytes are kept", have, err, len(w.staging))
	}
	if s, u := w.live(t, second); s.Serial != 12 {
		t.Errorf("%s runs: %s", s.Name, u.Says())
	}
}

// Bytes that are not those that were signed never reach a slot.
func TestDamagedOnTheWay(t *testing.T) {
	w, u := settled(t, old)
	o := offer(system{Name: "1.1.0", Serial: 11, Floor: 1}, nil)
	o.payload = bytes.Clone(o.payload)
	o.payload[len(o.payload)/2] ^= 1
	before := bytes.Clone(w.parts["root_b"])
	if !w.drive(t, u, o) {
		t.Fatal("the unit restarts")
	}
	if !bytes.Equal(before, w.parts["root_b"]) {
		t.Error("the other slot was written to")
	}
	if said := u.Says(); said != "1.1.0 was not kept: verify: bundle: check root: the bytes are not those that were signed" {
		t.Errorf("the unit says %q", said)
	}
	if st, _ := u.cfg.Slots.State(); st.First != "a" || st.B.Status.String() != "good" {
		t.Errorf("the boot state is %+v", st)
	}
}

// A delta is not written over the other slot where what runs is not what it was made from.
func TestBaseIsAnother(t *testing.T) {
	w, u := settled(t, old)
	w.parts["root_a"][19<<10] ^= 1
	if !w.drive(t, u, offer(system{Name: "1.1.0", Serial: 11, Floor: 1}, &old)) {
		t.Fatal("the unit restarts")
	}
	if said := u.Says(); !strings.Contains(said, bundle.ErrBase.Error()) {
		t.Errorf("the unit says %q", said)
	}
	if st, _ := u.cfg.Slots.State(); st.B.Status.String() != "good" {
		t.Errorf("the boot state is %+v", st)
	}
}

// worn is a slot whose flash changes a bit of what is written, so many times.
type worn struct {
	Slots
	w     *world
	times int
}

func (s *worn) Write(ctx context.Context, part string, r io.Reader) error {
	err := s.Slots.Write(ctx, part, r)
	if part == "root" && s.times > 0 {
		s.times--
		s.w.parts["root_b"][9000] ^= 4
	}
	return err
}

// What does not read back is written again, and then given up.
func TestReadBack(t *testing.T) {
	for times := range 6 {
		w, u := settled(t, old)
		u.cfg.Slots = &worn{u.cfg.Slots, w, times}
		o := offer(system{Name: "1.1.0", Serial: 11, Floor: 1}, nil)
		if err := o.bring(u); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if restarts, err := u.step(t.Context()); restarts || err != nil || u.state() == Idle {
				break
			}
		}
		st, err := w.slots(t).State()
		if err != nil {
			t.Fatal(err)
		}
		if kept := st.B.Status.String() == "trial"; kept != (times <= maxRewrites) {
			t.Errorf("with %d bad writes slot b is %v: %s", times, st.B.Status, u.Says())
		}
	}
}

func (w *world) slots(t *testing.T) Slots {
	t.Helper()
	_, u := w.boot(t)
	return u.cfg.Slots
}

// TestRun: the unit does all of it by itself, once the bytes are there, and
// restarts; a step that cannot be done is done again after a pause.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(old)
		_, u := w.boot(t)
		w.cut, w.at = 9, fails
		go func() {
			for offer(system{Name: "1.1.0", Serial: 11, Floor: 2}, nil).bring(u) != nil {
			}
		}()
		u.Run(t.Context())
		if !w.restarted {
			t.Fatal("the unit did not restart")
		}
		s, u := w.boot(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { u.Run(ctx); close(done) }()
		synctest.Wait()
		if s.Serial != 11 || u.Says() != "1.1.0 is installed" || w.counter != 2 {
			t.Errorf("%s runs, the unit says %q, the counter is %d", s.Name, u.Says(), w.counter)
		}
		cancel()
		<-done
	})
}

func TestSays(t *testing.T) {
	for want, s := range map[string]Status{
		"none":                          {State: "idle"},
		"1.1.0: 40 % fetched":           {State: "fetch", Update: "1.1.0", Have: 4, Size: 10},
		"1.1.0: write":                  {State: "write", Update: "1.1.0", Have: 10, Size: 10},
		"1.1.0 is on trial in slot b":   {State: "trial", Version: "1.1.0", Slot: "b"},
		"1.1.0 is installed":            {State: "idle", Last: &Last{Version: "1.1.0", Done: true}},
		"1.1.0 was not kept: no camera": {State: "idle", Last: &Last{Version: "1.1.0", Why: "no camera"}},
	} {
		if got := s.Says(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	_, u := settled(t, old)
	if _, err := New(Config{}); err == nil {
		t.Error("the zero Config is taken")
	}
	for name, edit := range map[string]func(*Config){
		"key": func(c *Config) { c.Key = nil }, "health check": func(c *Config) { c.Health = nil }, "sealer": func(c *Config) { c.Seal = nil },
		"restart": func(c *Config) { c.Restart = nil }, "release": func(c *Config) { c.Release.Floor = 0 }, "counter": func(c *Config) { c.Counter = nil },
	} {
		cfg := u.cfg
		edit(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without a %s: %v", name, err)
		}
	}
}

// What was fetched is kept in a file, over restarts.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"first ", "second"} {
		if err := f.Append([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if f, err = OpenFile(dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Append([]byte(" third")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 18)
	if n, err := f.Size(); n != 18 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != "first second third" {
		t.Errorf("%q, %v", b, err)
	}
	if n, err := f.Room(); n <= 0 || err != nil {
		t.Errorf("room for %d bytes, %v", n, err)
	}
	for range 2 {
		if err := f.Reset(); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Size(); n != 0 || err != nil {
			t.Errorf("after Reset %d bytes, %v", n, err)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("after Reset the folder has %v, %v", names, err)
	}
}
