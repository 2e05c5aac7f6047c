package vm

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"volar/wire/bootstate"
)

// damaged starts a unit whose slot a, the one it would boot, was spoilt, and
// says where it came up: in slot b, with a out of service.
func (l *lab) damaged(t *testing.T, u Unit, says string) string {
	t.Helper()
	m := l.start(t, u)
	await(t, m, says)
	slot, version := up(t, m)
	m.Cut()
	state := bootState(t, u)
	if slot != "b" || state.A.Status != bootstate.Bad || state.B.Status != bootstate.Good {
		t.Fatalf("it runs slot %s; the block says a %v, b %v", slot, state.A.Status, state.B.Status)
	}
	return fmt.Sprintf("slot b, version %s; slot a is %v", version, state.A.Status)
}

// damage spoils slot a of clones of a unit that boots it.
func (l *lab) damage(t *testing.T, u Unit, build string) {
	l.note.beside(t, "one bit in the kernel", func(t *testing.T) string {
		c := l.clone(t, u)
		flip(t, c, "boot_a", 5<<20)
		return l.damaged(t, c, "palm: slot a: damaged")
	})
	l.note.beside(t, "one bit in the root", func(t *testing.T) string {
		c := l.clone(t, u)
		flip(t, c, "root_a", 20<<20)
		return l.damaged(t, c, "volar: slot a is damaged")
	})
	if l.brief {
		return
	}
	l.note.beside(t, "one bit in the verity tree", func(t *testing.T) string {
		c := l.clone(t, u)
		flip(t, c, "root_a", l.treeAt(t, build)+100)
		return l.damaged(t, c, "volar: slot a is damaged")
	})
	l.note.beside(t, "signed with another key", func(t *testing.T) string {
		foreign, _ := l.foreign(t)
		c := l.clone(t, u)
		put(t, c, "boot_a", filepath.Join(foreign, "slot/boot.fit"))
		put(t, c, "root_a", filepath.Join(foreign, "slot/root.img"))
		return l.damaged(t, c, "palm: slot a: damaged")
	})
	l.note.beside(t, "not signed", func(t *testing.T) string {
		c := l.clone(t, u)
		fit := filepath.Join(t.TempDir(), "boot.fit")
		if err := copyTree(filepath.Join(build, "slot/boot.fit"), fit); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("fdtput", "-r", fit, "/configurations/conf/signature-1").CombinedOutput(); err != nil {
			t.Fatalf("fdtput: %v: %s", err, out)
		}
		put(t, c, "boot_a", fit)
		return l.damaged(t, c, "palm: slot a: damaged")
	})
	l.note.beside(t, "no boot state", func(t *testing.T) string {
		c := l.clone(t, u)
		for _, at := range bootstate.Offsets {
			flip(t, c, "bootstate", at+10)
		}
		m := l.start(t, c)
		await(t, m, "palm: no good copy of the state")
		slot, version := up(t, m)
		m.Cut()
		if s := bootState(t, c); slot != "a" || s != bootstate.Default() {
			t.Fatalf("slot %s runs, the block says %+v", slot, s)
		}
		return fmt.Sprintf("slot %s, version %s; the block is whole again", slot, version)
	})
}
