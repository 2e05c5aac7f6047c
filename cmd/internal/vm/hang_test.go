package vm

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// hung stops the processors of a unit in service. Nothing but the hardware's
// watchdog can help it.
func (l *lab) hung(t *testing.T, served Unit) {
	const name = "processors that stop"
	if _, err := os.Stat(filepath.Join(l.root, "build/kernel/product/Image")); err != nil {
		l.note.skip(name, "Debian's kernel for virtual machines has no driver for a watchdog in hardware: make kernel builds one that has")
		return
	}
	l.note.beside(t, name, func(t *testing.T) string {
		u := l.clone(t, served)
		u.Stage = newStage(t).socket
		m := l.start(t, u)
		up(t, m)
		await(t, m, `msg="ready for a hand"`)
		ctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		if err := m.Hang(ctx); err != nil {
			t.Fatal(err)
		}
		await(t, m, `^palm: slot `) // the boot loader, after a reset
		slot, version := up(t, m)
		await(t, m, `msg="ready for a hand"`)
		m.Cut()
		return "slot " + slot + ", version " + version + ", ready for a hand; reset by the watchdog"
	})
}
