//go:build linux && amd64

package crash

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"volar/enclave/attest"
	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/chip"
	"volar/enclave/attest/tpm/swtpm"
	"volar/enclave/vault/gallery"
	"volar/internal/emulated"
)

// chipOrder is how a child reaches a TPM, and what it is started with.
type chipOrder struct {
	State    []byte
	Approval []byte
}

// sealer is the platform that a child's gallery stands on.
func (o order) sealer(program byte) (gallery.Sealer, func(), error) {
	if o.TPM == nil {
		c, err := newCounter(o.Dir, [32]byte{program})
		return c, func() {}, err
	}
	return o.TPM.open(o.Dir, program)
}

func (o *chipOrder) open(dir string, program byte) (gallery.Sealer, func(), error) {
	approval, err := tpm.ParseApproval(o.Approval)
	if err != nil {
		return nil, nil, err
	}
	c, err := chip.Open(swtpm.Socket(dir))
	if err != nil {
		return nil, nil, err
	}
	p, err := c.Start(chip.Launch{State: o.State, Measurement: [32]byte{program}, Approval: approval})
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return p, func() { c.Close() }, nil
}

// board is a machine with a TPM made of software: a release key approves two
// programs for it, and a third is approved by nobody.
type board struct {
	t         *testing.T
	dir       string
	state     []byte
	boot      tpm.Boot
	approvals map[byte][]byte
}

// newBoard is a board whose vault has a gallery.
func newBoard(t *testing.T) *board {
	t.Helper()
	b := bareBoard(t)
	b.with(b.dir, oldProgram, func(s gallery.Sealer) error {
		v, err := start(b.dir, s, oldProgram)
		if err != nil {
			return err
		}
		for _, s := range before {
			if err := v.do(s); err != nil {
				return err
			}
		}
		return v.store.Close()
	})
	return b
}

// bareBoard is a board that has just been set up.
func bareBoard(t *testing.T) *board {
	t.Helper()
	if err := swtpm.Missing(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "crash") // a socket's path may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &board{t: t, dir: dir, approvals: map[byte][]byte{}}
	b.at(dir, func() {
		c, err := chip.Open(swtpm.Socket(dir))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		release, err := tpm.KeyOf(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetUp(release, func(state []byte) error { b.state = state; return nil }); err != nil {
			t.Fatal(err)
		}
		if b.boot, err = c.Boot(); err != nil {
			t.Fatal(err)
		}
		for _, program := range []byte{oldProgram, newProgram} {
			a, err := tpm.Approve(key, [32]byte{program}, b.boot.Programs())
			if err == nil {
				b.approvals[program], err = a.Marshal()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	return b
}

// at runs f while the machine in a folder is on.
func (b *board) at(dir string, f func()) {
	b.t.Helper()
	t, err := swtpm.Start(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	defer t.Kill()
	f()
}

// order is what the child of a program is told.
func (b *board) order(program byte) *chipOrder {
	return &chipOrder{State: b.state, Approval: b.approvals[program]}
}

// policy accepts the old program on this board.
func (b *board) policy() attest.Policy {
	b.t.Helper()
	st, err := chip.ParseState(b.state)
	if err != nil {
		b.t.Fatal(err)
	}
	key, err := st.AttestationKey()
	if err != nil {
		b.t.Fatal(err)
	}
	return attest.Policy{Tenant: acme.Name, Version: 1, NotBefore: 1, NotAfter: 4_000_000_000, Development: true,
		Vaults: []attest.Vault{{Measurement: [32]byte{oldProgram}, Release: 1}},
		TPM:    &attest.TPM{Keys: [][32]byte{key}, Boot: [][32]byte{b.boot.Digest()}}}
}

// with starts the machine and a vault on it.
func (b *board) with(dir string, program byte, f func(gallery.Sealer) error) {
	b.t.Helper()
	b.at(dir, func() {
		s, done, err := b.order(program).open(dir, program)
		if err != nil {
			b.t.Fatal(err)
		}
		defer done()
		if err := f(s); err != nil {
			b.t.Error(err)
		}
	})
}

// The same on a TPM: killed at writes, syncs, and at every command to the chip.
// After an upgrade the new program, which the release key signed, has
// everything; one that it did not sign has nothing.
func TestKilledOnATPM(t *testing.T) {
	emulated.Skip(t)
	b := newBoard(t)
	tried := 0
	for i, s := range scenarios {
		if s.name != "delete" && s.name != "upgrade" {
			continue
		}
		play := func(judge func(int) (bool, unix.Errno), what string) result {
			dir := copied(t, b.dir)
			defer os.RemoveAll(dir)
			var r result
			b.at(dir, func() { r = run(t, order{Dir: dir, Scenario: i, TPM: b.order(s.program)}, judge) })
			b.with(dir, s.program, func(sealer gallery.Sealer) error {
				if err := consistent(dir, sealer, s.program, r.said); err != nil {
					return fmt.Errorf("%s, %s: %w\nit said:\n%s", s.name, what, err, r.said)
				}
				return nil
			})
			return r
		}
		all := play(never, "uninterrupted")
		for _, k := range points(all.count, 5) {
			play(func(n int) (bool, unix.Errno) { return n == k, 0 }, fmt.Sprintf("killed at operation %d of %d", k, all.count))
			play(func(n int) (bool, unix.Errno) { return false, when(n == k, unix.EIO) }, fmt.Sprintf("error at operation %d of %d", k, all.count))
			tried += 2
		}
		t.Logf("%s: %d operations", s.name, all.count)
	}
	t.Logf("%d runs", tried)
	b.unsigned()
}

// unsigned tries a program that nobody approved, with another's approval.
func (b *board) unsigned() {
	dir := copied(b.t, b.dir)
	defer os.RemoveAll(dir)
	b.at(dir, func() {
		o := &chipOrder{State: b.state, Approval: b.approvals[oldProgram]}
		s, done, err := o.open(dir, 0xee)
		if err != nil {
			return // the chip's own start refuses already
		}
		defer done()
		if _, err := start(dir, s, 0xee); err == nil {
			b.t.Error("a program that the release key did not sign opens the gallery")
		}
	})
}
