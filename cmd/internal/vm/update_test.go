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

// offer brings a bundle over the serial line.
func (h *house) offer(ctx context.Context, t *testing.T, port, serial, bundle, keys string) error {
	t.Helper()
	_, err := h.lab.tryPalmctl(ctx, "update", bundle, "--key", keys, "--ticket", h.ticket(t, serial, "update"),
		"--technician-key", h.path("technician.pem"), "--port", port, "--rate", "115200", "--wait", "4m", "--json")
	return err
}

// refused offers what a unit must not take, in one boot of it.
func (l *lab) refused(t *testing.T, h *house, u Unit, runs string, bundles map[string][2]string) {
	l.note.run(t, "an older system, and one of another maker", func(t *testing.T) string {
		m := l.start(t, u)
		slot, _ := up(t, m)
		_, port := connect(t, m)
		serial := h.status(t, port).Serial
		for name, b := range bundles {
			ctx, stop := context.WithTimeout(t.Context(), patience)
			err := h.offer(ctx, t, port, serial, b[0], b[1])
			stop()
			if err == nil {
				t.Fatalf("%s was taken", name)
			}
			t.Logf("%s: %v", name, err)
		}
		m.Cut()
		m = l.start(t, u)
		if s, v := up(t, m); s != slot || v != runs {
			t.Fatalf("slot %s, version %s runs afterwards", s, v)
		}
		m.Cut()
		return fmt.Sprintf("slot %s, version %s, as before; both refused", slot, runs)
	})
}

// delta brings a system as what changed from the one that runs.
func (l *lab) delta(t *testing.T, u Unit, version string) {
	l.note.run(t, "update by what changed", func(t *testing.T) string {
		u.Stage = newStage(t).socket
		m := l.start(t, u)
		up(t, m)
		start := time.Now()
		event(t, m, "offered")
		slot, runs := up(t, m)
		if runs != version {
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
func (l *lab) ill(t *testing.T, u Unit, version string) {
	l.note.run(t, "a new system that does not work", func(t *testing.T) string {
		u.Stage = newStage(t).socket
		m := l.start(t, u)
		was, old := up(t, m)
		event(t, m, "new runs")
		event(t, m, "ill")
		slot, runs := up(t, m)
		event(t, m, "cleaned")
		m.Cut()
		s := bootState(t, u)
		if slot != was || runs != old || s.First != was || s.Of(bootstate.Other(was)).Status != bootstate.Bad {
			t.Fatalf("slot %s, version %s runs; the block says %+v", slot, runs, s)
		}
		return fmt.Sprintf("slot %s, version %s, as before; %s was left", slot, runs, version)
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
