package slots

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"volar/hal"
	"volar/hal/haltest"
	"volar/wire/bootstate"
)

// unit is a unit whose partitions are files.
type unit struct {
	paths Paths
	tries int
}

const bootSize, rootSize = 4 << 10, 3 << 20

func newUnit(t *testing.T) *unit {
	t.Helper()
	dir := t.TempDir()
	image, err := bootstate.Image(bootstate.Default())
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return &unit{paths: Paths{State: file("bootstate", image),
		BootA: file("boot_a", make([]byte, bootSize)), BootB: file("boot_b", make([]byte, bootSize)),
		RootA: file("root_a", make([]byte, rootSize)), RootB: file("root_b", make([]byte, rootSize))}, tries: 1}
}

// boot does what the boot loader does, and opens the slots in what it booted.
func (u *unit) boot(t *testing.T) *Slots {
	t.Helper()
	m, err := OpenMedium(u.paths.State, true)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	st, from, err := bootstate.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	running, after := st.Pick()
	if after != st {
		if err := bootstate.Write(m, after, from); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(Options{Running: running, Paths: u.paths, Tries: u.tries})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSlots(t *testing.T) {
	haltest.Slots(t, func(t *testing.T) haltest.Bench {
		u := newUnit(t)
		return haltest.Bench{MayWriteSlots: true, Device: &hal.Device{Slots: u.boot(t)},
			Reboot: func(t *testing.T) *hal.Device { return &hal.Device{Slots: u.boot(t)} }}
	})
}

// install writes a system to the other slot and lets it be tried.
func install(t *testing.T, s *Slots, b string) {
	t.Helper()
	ok(t, s.Clear())
	ok(t, s.Write(t.Context(), Boot, strings.NewReader(b)))
	ok(t, s.Write(t.Context(), Root, strings.NewReader(b)))
	ok(t, s.Ready())
	ok(t, s.TryOther())
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A slot on trial boots as often as it has tries; then the unit is back, and
// stays, however often it is switched off and on.
func TestTries(t *testing.T) {
	u := newUnit(t)
	u.tries = 3
	install(t, u.boot(t), "new")
	for _, want := range strings.Fields("b b b a a a a a") {
		if got := u.boot(t).Running(); got != want {
			t.Fatalf("slot %s runs, want %s", got, want)
		}
	}
}

// A good slot is not counted, however often it is started: nothing is written.
func TestGoodIsNotCounted(t *testing.T) {
	u := newUnit(t)
	install(t, u.boot(t), "new")
	ok(t, u.boot(t).Confirm())
	before, err := os.ReadFile(u.paths.State)
	ok(t, err)
	for range 21 {
		if got := u.boot(t).Running(); got != "b" {
			t.Fatalf("slot %s runs", got)
		}
	}
	if after, err := os.ReadFile(u.paths.State); err != nil || !bytes.Equal(before, after) {
		t.Errorf("booting a good slot wrote the boot state (%v)", err)
	}
}

// Definite damage: the other slot boots from now on, and the last good one is
// never given up.
func TestBad(t *testing.T) {
	u := newUnit(t)
	ok(t, u.boot(t).Bad("a"))
	s := u.boot(t)
	if s.Running() != "b" {
		t.Fatalf("slot %s runs", s.Running())
	}
	if err := s.Bad("b"); !errors.Is(err, ErrLast) {
		t.Errorf("the last good slot: %v", err)
	}
	if u.boot(t).Running() != "b" {
		t.Error("the last good slot is gone")
	}
	if err := s.Bad("c"); err == nil {
		t.Error("there is a slot c")
	}
}

// What lets a slot be tried, and what does not.
func TestOrder(t *testing.T) {
	u := newUnit(t)
	s := u.boot(t)
	if err := s.TryOther(); !errors.Is(err, ErrNotReady) {
		t.Errorf("what was never written is tried: %v", err)
	}
	if err := s.Ready(); err == nil {
		t.Error("what was never cleared is ready")
	}
	if err := s.Write(t.Context(), Boot, strings.NewReader("x")); err == nil {
		t.Error("a slot that boots is written to")
	}
	ok(t, s.Clear())
	if err := s.TryOther(); !errors.Is(err, ErrNotReady) {
		t.Errorf("what was cleared is tried: %v", err)
	}
	if u.boot(t).Running() != "a" {
		t.Error("a cleared slot boots")
	}
	install(t, s, "new")
	if err := s.TryOther(); !errors.Is(err, ErrNotReady) {
		t.Errorf("the tries of a trial are given back: %v", err)
	}
	trial := u.boot(t)
	for name, err := range map[string]error{"Clear": trial.Clear(), "WriteOther": trial.WriteOther(t.Context(), strings.NewReader("x"))} {
		if !errors.Is(err, ErrOnTrial) {
			t.Errorf("%s while on trial: %v", name, err)
		}
	}
	if err := trial.Write(t.Context(), "kernel", strings.NewReader("x")); err == nil {
		t.Error("there is a part kernel")
	}
}

// The bytes arrive where they belong, from the first of the partition on.
func TestWrite(t *testing.T) {
	u := newUnit(t)
	s := u.boot(t)
	boot, root := bytes.Repeat([]byte("boot"), 500), bytes.Repeat([]byte("root of a system"), rootSize/16)
	ok(t, s.Clear())
	ok(t, s.Write(t.Context(), Boot, bytes.NewReader(boot)))
	ok(t, s.Write(t.Context(), Root, iotest.OneByteReader(bytes.NewReader(root[:9000]))))
	ok(t, s.Write(t.Context(), Root, bytes.NewReader(root)))
	for part, want := range map[string][]byte{Boot: boot, Root: root} {
		r, done, err := s.Read("b", part)
		ok(t, err)
		got := make([]byte, len(want))
		if _, err := r.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes (%v)", part, err)
		}
		ok(t, done())
		m, err := s.open("b", part, true)
		ok(t, err)
		if _, err := m.WriteAt([]byte("xx"), m.Size()-1); err == nil {
			t.Errorf("%s: written behind its end", part)
		}
		ok(t, m.Close())
	}
	if err := s.Write(t.Context(), Boot, bytes.NewReader(make([]byte, bootSize+1))); !errors.Is(err, errFull) {
		t.Errorf("more than fits: %v", err)
	}
	broken := errors.New("broken off")
	if err := s.Write(t.Context(), Boot, io.MultiReader(bytes.NewReader(make([]byte, bootSize)), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("broken off behind the last byte: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(gone, Boot, bytes.NewReader(boot)); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	if a, err := os.ReadFile(u.paths.RootA); err != nil || !bytes.Equal(a, make([]byte, rootSize)) {
		t.Errorf("the running slot was written to (%v)", err)
	}
}

// WriteOther fills boot, then root.
func TestWriteOther(t *testing.T) {
	u := newUnit(t)
	s := u.boot(t)
	all := bytes.Repeat([]byte("0123456789abcdef"), (bootSize+5000)/16)
	ok(t, s.WriteOther(t.Context(), bytes.NewReader(all)))
	root, err := os.ReadFile(u.paths.RootB)
	ok(t, err)
	if rest := all[bootSize:]; !bytes.Equal(root[:len(rest)], rest) {
		t.Error("the root has other bytes")
	}
	if err := s.WriteOther(t.Context(), bytes.NewReader(make([]byte, bootSize+rootSize+1))); !errors.Is(err, errFull) {
		t.Errorf("more than both have: %v", err)
	}
}

func TestOpen(t *testing.T) {
	u := newUnit(t)
	for name, opt := range map[string]Options{
		"zero":       {},
		"no slot":    {Running: "c", Paths: u.paths},
		"many tries": {Running: "a", Paths: u.paths, Tries: 10},
		"no disk":    {Running: "a"},
	} {
		if _, err := Open(opt); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	ok(t, os.WriteFile(u.paths.State, make([]byte, bootstate.PartitionSize), 0o600))
	noted := 0
	s, err := Open(Options{Running: "b", Paths: u.paths, Note: func(string, ...any) { noted++ }})
	ok(t, err)
	defer s.Close()
	if st, err := s.State(); err != nil || st != bootstate.Default() || noted != 1 {
		t.Errorf("a lost boot state became %+v, %v, noted %d times", st, err, noted)
	}
}

func TestFind(t *testing.T) {
	disk := func(name, part string) fstest.MapFS {
		sys := fstest.MapFS{"class/block/" + name + "/uevent": {Data: []byte("DEVNAME=" + name + "\nDEVTYPE=disk\n")}}
		for i, label := range append([]string{"unit"}, labels...) {
			n := string(rune('1' + i))
			sys["class/block/"+name+part+n+"/uevent"] = &fstest.MapFile{
				Data: []byte("MAJOR=254\nDEVNAME=" + name + part + n + "\nDEVTYPE=partition\nPARTN=" + n + "\nPARTNAME=" + label + "\n")}
		}
		return sys
	}
	for _, name := range [][2]string{{"vda", ""}, {"mmcblk0", "p"}} {
		got, err := Find(disk(name[0], name[1]), "/dev")
		at := "/dev/" + name[0] + name[1]
		if want := (Paths{at + "2", at + "3", at + "4", at + "5", at + "6"}); err != nil || got != want {
			t.Errorf("found %+v, %v, want %+v", got, err, want)
		}
	}
	two := disk("vda", "")
	for name, f := range disk("sda", "") {
		two[name] = f
	}
	if got, err := Find(two, "/dev"); err == nil {
		t.Errorf("with two systems plugged in: %+v", got)
	}
	delete(two, "class/block/sda4/uevent")
	if got, err := Find(two, "/dev"); err != nil || got.State != "/dev/vda2" {
		t.Errorf("with half a second one: %+v, %v", got, err)
	}
	if got, err := Find(fstest.MapFS{}, "/dev"); err == nil {
		t.Errorf("without a disk: %+v", got)
	}
	twice := disk("vda", "")
	twice["class/block/vda7/uevent"] = &fstest.MapFile{Data: []byte("DEVNAME=vda7\nPARTN=7\nPARTNAME=root_a\n")}
	if got, err := Find(twice, "/dev"); err == nil {
		t.Errorf("with two partitions of one name: %+v", got)
	}
}
