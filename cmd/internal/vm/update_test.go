package vm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"volar/wire/bootstate"
)

// depot is a repository of bundles.
type depot struct {
	lab       *lab
	dir, keys string
}

func (l *lab) newDepot(t *testing.T) *depot {
	t.Helper()
	d := &depot{l, filepath.Join(l.dir, "depot"), filepath.Join(l.dir, "depot-keys")}
	l.palmctl(t, "repo", "init", d.dir, "--keys", d.keys, "--key", l.keys)
	return d
}

func (d *depot) add(t *testing.T, bundle string) {
	t.Helper()
	d.lab.palmctl(t, "repo", "add", d.dir, bundle, "--keys", d.keys, "--key", d.lab.keys)
}

// bundle packs a build, whole or as what changed from another.
func (l *lab) bundle(t *testing.T, name, build, from, keys string) string {
	t.Helper()
	out := filepath.Join(l.dir, name)
	args := []string{"bundle", "make", build, "--key", keys, "--out", out}
	if from != "" {
		args = append(args, "--from", from)
	}
	l.palmctl(t, args...)
	return out
}

// event waits for an update's next step.
func event(t *testing.T, m *Machine, name string) {
	t.Helper()
	if name == "offered" {
		await(t, m, `msg="an update is offered"`)
		return
	}
	await(t, m, `msg=update event="?`+name+`"? `)
}

// steps are the events of an update up to the restart, and after it.
var (
	stepsBefore = []string{"offered", "fetched", "verified", "written", "same", "sealed", "armed"}
	stepsAfter  = []string{"healthy", "confirmed"}
)

// settled checks that a unit that is switched on ends up in the new system,
// confirmed, and says so. seen tells that it was seen to be up.
func (l *lab) settled(t *testing.T, u Unit, m *Machine, version string) string {
	t.Helper()
	for {
		slot, runs := up(t, m)
		if runs != version {
			continue // the old system, on its way
		}
		await(t, m, `msg=update event=raised state=idle`)
		m.Cut()
		s := bootState(t, u)
		if s.Of(slot).Status != bootstate.Good || s.First != slot {
			t.Fatalf("slot %s runs, the block says %+v", slot, s)
		}
		return fmt.Sprintf("slot %s, version %s, kept", slot, version)
	}
}

// updated takes the unit from a to b by the network, and copies what a power
// cut after each step would have left.
func (l *lab) updated(t *testing.T, u Unit, version string) (frozen map[string]Unit) {
	frozen = map[string]Unit{}
	ok := l.note.run(t, "update a to b over the network", func(t *testing.T) string {
		m := l.start(t, u)
		up(t, m)
		start := time.Now()
		freeze := func(step string) {
			event(t, m, step)
			f, err := m.Freeze(filepath.Join(l.dir, "frozen", strings.ReplaceAll(step, " ", "-")))
			if err != nil {
				t.Fatal(err)
			}
			frozen[step] = f
			t.Logf("%s after %.1f s", step, time.Since(start).Seconds())
		}
		for _, s := range stepsBefore {
			freeze(s)
		}
		freeze("new runs") // it is said before the unit is up
		slot, runs := up(t, m)
		if slot != "b" || runs != version {
			t.Fatalf("slot %s, version %s came up", slot, runs)
		}
		for _, s := range stepsAfter {
			freeze(s)
		}
		await(t, m, `msg=update event=raised state=idle`)
		l.note.since("full update, offer to kept", start)
		m.Cut()
		if s := bootState(t, u); s.B.Status != bootstate.Good || s.First != "b" {
			t.Fatalf("the block says %+v", s)
		}
		return "slot b, version " + version + ", kept"
	})
	if !ok {
		t.FailNow()
	}
	return frozen
}

// cutUpdates switches units on whose power was cut after a step of an update.
func (l *lab) cutUpdates(t *testing.T, frozen map[string]Unit, version string) {
	for _, step := range slices.Concat(stepsBefore, []string{"new runs"}, stepsAfter) {
		u, ok := frozen[step]
		if !ok {
			continue
		}
		l.note.beside(t, "power cut in an update, after: "+step, func(t *testing.T) string {
			u.Stage = newStage(t).socket
			defer os.RemoveAll(u.Dir)
			return l.settled(t, u, l.start(t, u), version)
		})
	}
}

// offer brings a bundle over the serial line, and waits for what becomes of it.
func (h *house) offer(t *testing.T, port, serial, bundle, keys string) error {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	_, err := h.lab.tryPalmctl(ctx, "update", bundle, "--key", keys, "--ticket", h.ticket(t, serial, "update"),
		"--technician-key", h.path("technician.pem"), "--port", port, "--rate", "115200", "--wait", "4m", "--json")
	return err
}

// refused offers what a unit must not take, in one boot of it.
func (l *lab) refused(t *testing.T, h *house, served Unit, first, second string) {
	l.note.beside(t, "bundles that it must not take", func(t *testing.T) string {
		low := l.build(t, "low", "1.1.1", l.keys, "--floor", "1")
		foreign, theirs := l.foreign(t)
		ours := filepath.Join(l.keys, "public.pem")
		u := l.clone(t, served)
		u.Stage = newStage(t).socket
		m := l.start(t, u)
		slot, version := up(t, m)
		_, port := connect(t, m)
		serial := h.status(t, port).Serial
		var names []string
		for _, o := range []struct{ name, bundle, keys, because string }{
			{"an older system", l.bundle(t, "older", first, "", l.keys), ours, "not newer"},
			{"a newer one below the floor", l.bundle(t, "lower", low, second, l.keys), ours, "below the floor"},
			{"one of another maker", l.bundle(t, "stranger", foreign, "", theirs), filepath.Join(theirs, "public.pem"), "not signed with the release key"},
		} {
			if err := h.offer(t, port, serial, o.bundle, o.keys); err == nil || !strings.Contains(err.Error(), o.because) {
				t.Fatalf("%s: %v, want %q", o.name, err, o.because)
			}
			names = append(names, o.name)
		}
		m.Cut()
		m = l.start(t, u)
		if s, v := up(t, m); s != slot || v != version {
			t.Fatalf("slot %s, version %s runs afterwards", s, v)
		}
		m.Cut()
		return fmt.Sprintf("slot %s, version %s, as before; refused: %s", slot, version, strings.Join(names, "; "))
	})
}

// below puts rightly signed systems back that are below the floor. trial is
// the unit while the new system was confirmed and the floor not yet raised:
// its TPM had sealed the secret for the old system, too. sealed is the unit
// before the update. now is what the TPM holds since the floor was raised.
func (l *lab) below(t *testing.T, h *house, trial, sealed, now Unit) {
	aged := func(t *testing.T, u Unit) Unit {
		c := l.clone(t, u)
		if err := os.RemoveAll(filepath.Join(c.Dir, "tpm")); err != nil {
			t.Fatal(err)
		}
		if err := copyTree(filepath.Join(now.Dir, "tpm"), filepath.Join(c.Dir, "tpm")); err != nil {
			t.Fatal(err)
		}
		return c
	}
	old, disk := aged(t, trial), aged(t, sealed)
	l.note.beside(t, "a slot below the floor", func(t *testing.T) string {
		setBootState(t, old, bootstate.State{First: "a", A: bootstate.Slot{Status: bootstate.Good}, B: bootstate.Slot{Status: bootstate.Good}})
		old.Stage = newStage(t).socket
		return l.damaged(t, old, "volar: slot a is locked")
	})
	l.note.beside(t, "a disk from before the floor rose", func(t *testing.T) string {
		m := l.start(t, disk)
		await(t, m, "volar: slot a is locked")
		await(t, m, "volar: locked")
		_, port := connect(t, m)
		var s struct{ Health string }
		h.json(t, &s, "status", "--port", port, "--rate", "115200", "--wait", "60s")
		if !strings.Contains(s.Health, "locked") {
			t.Fatalf("its status says %q", s.Health)
		}
		m.Cut()
		return s.Health
	})
}

// delta brings a system over the serial line, as what changed from the one
// that runs.
func (l *lab) delta(t *testing.T, h *house, served Unit, second string) {
	l.note.beside(t, "update by what changed, over the serial line", func(t *testing.T) string {
		third := l.build(t, "v3", "1.2.0", l.keys, "--floor", "2")
		part := l.bundle(t, "part", third, second, l.keys)
		l.note.size(t, "delta update", part)
		u := l.clone(t, served)
		u.Stage = newStage(t).socket
		m := l.start(t, u)
		was, _ := up(t, m)
		_, port := connect(t, m)
		start := time.Now()
		if err := h.offer(t, port, h.status(t, port).Serial, part, filepath.Join(l.keys, "public.pem")); err != nil {
			t.Fatalf("%v\n%s", err, m.Console.Tail(20))
		}
		slot, runs := up(t, m)
		if slot == was || runs != "1.2.0" {
			t.Fatalf("slot %s, version %s came up", slot, runs)
		}
		await(t, m, `msg=update event=raised state=idle`)
		l.note.since("delta update, offer to kept", start)
		m.Cut()
		return fmt.Sprintf("slot %s, version %s, kept", slot, runs)
	})
}

// ill brings a system whose device program does not run: the unit must find
// that out, and go back.
func (l *lab) ill(t *testing.T, h *house, served Unit, second string) {
	l.note.beside(t, "a new system that does not work", func(t *testing.T) string {
		worse := l.build(t, "worse", "1.3.0", l.keys, "--floor", "2", "--programs", l.broken(t))
		part := l.bundle(t, "worse-part", worse, second, l.keys)
		u := l.clone(t, served)
		u.Stage = newStage(t).socket
		m := l.start(t, u)
		was, old := up(t, m)
		_, port := connect(t, m)
		err := h.offer(t, port, h.status(t, port).Serial, part, filepath.Join(l.keys, "public.pem"))
		if err == nil || !strings.Contains(err.Error(), "was not kept") {
			t.Fatalf("the bench heard %v", err)
		}
		event(t, m, "new runs")
		event(t, m, "ill")
		slot, runs := up(t, m)
		event(t, m, "cleaned")
		m.Cut()
		s := bootState(t, u)
		if slot != was || runs != old || s.First != was || s.Of(bootstate.Other(was)).Status != bootstate.Bad {
			t.Fatalf("slot %s, version %s runs; the block says %+v", slot, runs, s)
		}
		return fmt.Sprintf("slot %s, version %s, as before; 1.3.0 was left", slot, runs)
	})
}

// broken is a folder of programs whose device program ends at once.
func (l *lab) broken(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(l.dir, "broken")
	if err := copyTree(filepath.Join(l.root, "build/image/programs"), dir); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(filepath.Join(dir, "palminit"), filepath.Join(dir, "palmd")); err != nil { // it runs as process 1 alone
		t.Fatal(err)
	}
	return dir
}
