package vm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestMain lets QEMU start this program to reach a stage.
func TestMain(m *testing.M) {
	if !Relay() {
		os.Exit(m.Run())
	}
}

// TestUnit is a unit's life: built, started from reset, provisioned, in
// service, updated; and then all that can go wrong with it. After each of
// these it must be in a good state, by itself.
func TestUnit(t *testing.T) {
	l := newLab(t)
	defer func() {
		l.note.table(os.Stdout)
		if !l.brief {
			l.save(filepath.Join(l.root, "build/vm.json"))
		}
	}()
	first := l.images(t)
	u, makers := l.fresh(t, "unit", first)
	l.firstBoot(t, u)
	blank := l.clone(t, u)
	d := l.newDepot(t)
	h := l.newHouse(t, makers, d.dir)
	s := newStage(t)
	u.Stage = s.socket
	steps := l.provisioned(t, h, u, s, first)
	sealed := l.clone(t, u)
	t.Run("then", func(t *testing.T) {
		t.Run("before service", func(t *testing.T) {
			t.Parallel()
			l.damage(t, blank, first)
			if !l.brief {
				l.pullCable(t, h, blank, first, steps)
				l.cutProvisioning(t, h, blank, first)
			}
		})
		t.Run("in service", func(t *testing.T) {
			t.Parallel()
			l.served(t, h, u, s)
			second := l.build(t, "v2", "1.1.0", l.keys, "--floor", "2")
			whole := l.bundle(t, "whole", second, "", l.keys)
			l.note.size(t, "full update", whole)
			d.add(t, whole)
			frozen := l.updated(t, u, "1.1.0")
			if l.brief {
				return
			}
			l.hung(t, u)
			l.below(t, h, frozen["confirmed"], sealed, u)
			l.ill(t, h, u, second)
			l.delta(t, h, u, second)
			l.refused(t, h, u, first, second)
			l.reset(t, h, u)
			l.cutUpdates(t, frozen, "1.1.0")
		})
	})
}

// images builds the image twice and compares.
func (l *lab) images(t *testing.T) (build string) {
	l.note.run(t, "build twice", func(t *testing.T) string {
		start := time.Now()
		build = l.build(t, "v1", "1.0.0", l.keys)
		l.note.since("build of an image", start)
		if again := l.build(t, "v1-again", "1.0.0", l.keys); l.digest(build) != l.digest(again) {
			t.Fatal("two builds of the same input differ")
		} else if err := os.RemoveAll(again); err != nil {
			t.Fatal(err)
		}
		l.palmctl(t, "image", "verify", build, "--key", filepath.Join(l.keys, "public.pem"))
		return "the same bytes, and verified"
	})
	if build == "" {
		t.FailNow()
	}
	l.note.size(t, "image", l.disk(build))
	l.note.size(t, "image, compressed", l.disk(build)+".zst")
	l.note.size(t, "kernel and initramfs of a slot", filepath.Join(build, "slot/boot.fit"))
	l.note.size(t, "root of a slot", filepath.Join(build, "slot/root.img"))
	return build
}

// firstBoot starts a new unit, and then again.
func (l *lab) firstBoot(t *testing.T, u Unit) {
	ok := l.note.run(t, "first boot", func(t *testing.T) string {
		start := time.Now()
		m := l.start(t, u)
		await(t, m, "volar: a new unit")
		slot, version := up(t, m)
		l.note.since("reset to ready, first boot", start)
		m.Cut()
		if s := bootState(t, u); slot != "a" {
			t.Fatalf("slot %s runs, the block says %+v", slot, s)
		}
		return "slot a, version " + version + ", blank"
	})
	ok = ok && l.note.run(t, "second boot", func(t *testing.T) string {
		start := time.Now()
		m := l.start(t, u)
		slot, version := up(t, m)
		l.note.since("reset to ready", start)
		m.Cut()
		l.note.measure("processor time of a boot", m.CPU().Seconds(), "s")
		return "slot " + slot + ", version " + version + ", blank"
	})
	if !ok {
		t.FailNow()
	}
}

// treeAt is where the verity tree begins in a root, in bytes.
func (l *lab) treeAt(t *testing.T, build string) int64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(build, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Verity struct {
			HashBlock int64 `json:"hash_block"`
		} `json:"verity"`
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Verity.HashBlock == 0 {
		t.Fatalf("the manifest names no verity tree: %v\n%s", err, b)
	}
	return m.Verity.HashBlock * 4096
}
