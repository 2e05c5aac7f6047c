package chip

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/swtpm"
)

// T10: each epoch has its own key; one step of the counter opens the next,
// refuses the one before for ever, and nobody opens the future.
func TestEpochs(t *testing.T) {
	b, p := started(t)
	ctx := context.Background()
	var blobs [4][]byte
	for n := range uint64(len(blobs)) {
		var err error
		blobs[n], err = p.Seal(ctx, n, bytes.Repeat([]byte{byte(n)}, 32))
		must(t, err)
	}
	opens := func(p *Platform, at uint64) {
		t.Helper()
		for n := range uint64(len(blobs)) {
			for _, claimed := range []uint64{n, at} {
				got, err := p.Unseal(ctx, claimed, blobs[n])
				if n == at && (err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(n)}, 32))) {
					t.Errorf("epoch %d does not open: %v", n, err)
				} else if n != at && err == nil {
					t.Errorf("at epoch %d, said to be %d, the key of epoch %d opens", at, claimed, n)
				}
			}
		}
	}
	opens(p, 0)
	wants(t, "a step of two", p.Commit(ctx, 2), ErrEpoch)
	wants(t, "no step", p.Commit(ctx, 0), ErrEpoch)
	must(t, p.Commit(ctx, 1))
	opens(p, 1)
	must(t, p.Bind(ctx, vault)) // commits go on after it
	must(t, p.Commit(ctx, 2))
	b.restart()
	opens(b.start(), 2)
}

// T1: whoever carries off the disk has the blobs and another TPM.
func TestStolenDisk(t *testing.T) {
	b, p := started(t)
	blob, err := p.Seal(context.Background(), 0, kek)
	must(t, err)
	thief := newBoard(t)
	if _, err := thief.chip.Start(b.launch(program)); err == nil {
		t.Fatal("the platform starts on another TPM")
	} else {
		wants(t, "the disk on another TPM", err, ErrForeign)
	}
	// The thief sets up that TPM, and tries the blobs on it.
	thief.setUp()
	_, err = thief.chip.Start(b.launch(program))
	wants(t, "the disk on a TPM with a platform of its own", err, ErrForeign)
	q := thief.start() // the refusal has extended nothing
	if _, err := q.Unseal(context.Background(), 0, blob); err == nil {
		t.Error("another TPM opens the gallery's key")
	}
	mixed, err := ParseState(thief.state)
	must(t, err)
	old, err := ParseState(b.state)
	must(t, err)
	mixed.Seed = old.Seed
	thief.state, err = mixed.Marshal()
	must(t, err)
	thief.restart()
	if _, err := thief.chip.Start(thief.launch(program)); err == nil {
		t.Error("another TPM opens the platform's seed")
	}
}

// T13: the same TPM on a board whose firmware measures as something else.
func TestAnotherBoard(t *testing.T) {
	b, p := started(t)
	blob, err := p.Seal(context.Background(), 0, kek)
	must(t, err)
	for _, pcr := range []uint{0, 1, 2, 3, 5, 6, 7} {
		b.restart()
		b.extend(pcr, "other firmware")
		_, err := b.chip.Start(b.launch(program))
		wants(t, "another board", err, ErrBoard)
	}
	b.restart()
	p = b.start()
	b.extend(0, "later") // as a debugger that is plugged in
	if _, err := p.Unseal(context.Background(), 0, blob); err == nil {
		t.Error("the gallery's key opens on another board")
	}
}

// Another boot loader or kernel (PCR 4, 8, 9) needs an approval of its own.
func TestAnotherKernel(t *testing.T) {
	b, p := started(t)
	blob, err := p.Seal(context.Background(), 0, kek)
	must(t, err)
	old := b.approve(release, program)
	for _, pcr := range []uint{4, 8, 9} {
		b.restart()
		b.extend(pcr, "other kernel")
		_, err := b.chip.Start(Launch{State: b.state, Measurement: program, Approval: old})
		wants(t, "a kernel that is not approved", err, ErrApproval)
		p, err := b.chip.Start(b.launch(program)) // nothing was extended
		must(t, err)
		got, err := p.Unseal(context.Background(), 0, blob)
		if err != nil || !bytes.Equal(got, kek) {
			t.Errorf("an approved kernel (PCR %d): %v", pcr, err)
		}
	}
}

// T23: a new vault that the release key signed opens the old gallery. One
// that it did not sign never does, whatever the launcher says, and neither
// does a signature for other registers.
func TestUpgrade(t *testing.T) {
	b, p := started(t)
	ctx := context.Background()
	blob, err := p.Seal(ctx, 0, kek)
	must(t, err)
	next := [32]byte{0xbb}
	b.restart()
	q, err := b.chip.Start(b.launch(next))
	must(t, err)
	if got, err := q.Unseal(ctx, 0, blob); err != nil || !bytes.Equal(got, kek) {
		t.Errorf("the approved vault does not open the old gallery: %v", err)
	}

	evil := [32]byte{0xee}
	b.restart()
	_, err = b.chip.Start(Launch{State: b.state, Measurement: evil, Approval: b.approve(key(), evil)})
	wants(t, "a stranger's approval", err, ErrApproval)
	_, err = b.chip.Start(Launch{State: b.state, Measurement: evil, Approval: b.approve(release, program)})
	wants(t, "another vault's approval", err, ErrApproval)
	forged := b.approve(release, program)
	forged.Measurement = evil
	_, err = b.chip.Start(Launch{State: b.state, Measurement: evil, Approval: forged})
	wants(t, "a forged approval", err, ErrApproval)
}

// The same for a launcher that does not check and only asks the chip.
func TestUpgradeIsTheChipsToRefuse(t *testing.T) {
	b, _ := started(t)
	evil := [32]byte{0xee}
	st, err := ParseState(b.state)
	must(t, err)
	storage, err := st.storage()
	must(t, err)
	forged := b.approve(release, program)
	forged.Measurement = evil
	strangers := b.approve(key(), evil)
	unsigned := b.approve(release, evil)
	unsigned.Signature = b.approve(key(), evil).Signature
	for name, c := range map[string]struct {
		approval tpm.Approval
		runs     [32]byte // what is measured
		opens    bool
	}{
		"approved":                      {b.approve(release, evil), evil, true},
		"signed by a stranger":          {strangers, evil, false},
		"signature of a stranger":       {unsigned, evil, false},
		"measurement changed":           {forged, evil, false},
		"approved, another was started": {b.approve(release, program), evil, false},
	} {
		b.restart()
		p := &Platform{chip: b.chip, state: st, approval: c.approval}
		err := b.chip.do("try", func(t transport.TPM) error {
			if err := p.recognise(t, storage); err != nil {
				return err
			}
			return nil
		})
		must(t, err)
		b.measure(c.runs)
		err = b.chip.do("try", p.open)
		if (err == nil) != c.opens {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Without the chip's note that it has seen a signature.
	b.restart()
	p := &Platform{chip: b.chip, state: st, approval: b.approve(release, evil)}
	must(t, b.chip.do("try", func(t transport.TPM) error { return p.recognise(t, storage) }))
	b.measure(evil)
	p.ticket = tpm2.TPMTTKVerified{Tag: tpm2.TPMSTVerified, Hierarchy: tpm2.TPMRHOwner}
	if _, err := p.unsealSeed(); err == nil {
		t.Error("a policy without a ticket opens the seed")
	}
}

func (p *Platform) unsealSeed() (b []byte, err error) {
	err = p.chip.do("try", func(t transport.TPM) error {
		b, err = p.unseal(t, p.state.Seed, nil)
		return err
	})
	return b, err
}

// T20: only who knows the counter's auth value counts, and only the owner
// could remove the counter, whose auth value nobody knows either.
func TestCounterAuth(t *testing.T) {
	b, p := started(t)
	must(t, p.Commit(context.Background(), 1))
	for name, auth := range map[string][]byte{"no": nil, "a guessed": []byte("guess")} {
		err := b.chip.do("try", func(t transport.TPM) error { return b.chip.count(t, auth, true) })
		if !isRC(err, tpm2.TPMRCBadAuth) && !isRC(err, tpm2.TPMRCAuthFail) {
			t.Errorf("counting with %s auth value: %v", name, err)
		}
	}
	raw := b.raw()
	name, err := counterName(true)
	must(t, err)
	index := tpm2.NamedHandle{Handle: counterHandle, Name: name}
	_, err = tpm2.NVWrite{AuthHandle: tpm2.AuthHandle{Handle: index.Handle, Name: name, Auth: tpm2.PasswordAuth(nil)}, NVIndex: index, Data: tpm2.TPM2BMaxNVBuffer{Buffer: make([]byte, 8)}}.Execute(raw)
	if !isRC(err, tpm2.TPMRCAttributes) && !isRC(err, tpm2.TPMRCBadAuth) {
		t.Errorf("writing the counter: %v", err)
	}
	_, err = tpm2.NVUndefineSpace{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}, NVIndex: index}.Execute(raw)
	wantRC(t, "removing the counter", err, tpm2.TPMRCBadAuth)
	_, err = tpm2.Clear{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHLockout, Auth: tpm2.PasswordAuth(nil)}}.Execute(raw)
	wantRC(t, "clearing the TPM", err, tpm2.TPMRCAuthFail)
	if n, err := p.Epoch(context.Background()); err != nil || n != 1 {
		t.Errorf("the counter stands at %d, %v", n, err)
	}
}

// T2, PCR 12: after CAP nothing opens, for whoever asks, until the machine
// starts again; and nobody takes the register back.
func TestCapped(t *testing.T) {
	b, p := started(t)
	ctx := context.Background()
	blob, err := p.Seal(ctx, 0, kek)
	must(t, err)
	_, err = p.unsealSeed()
	must(t, err)
	must(t, p.Bind(ctx, vault))
	wants(t, "another key", p.Bind(ctx, [32]byte{4}), ErrBound)
	if _, err := p.unsealSeed(); err == nil {
		t.Error("the seed opens after CAP")
	}
	if _, err := p.Unseal(ctx, 0, blob); err == nil {
		t.Error("the gallery's key opens after CAP")
	}
	_, err = tpm2.PCRReset{PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(tpm.VaultPCR), Auth: tpm2.PasswordAuth(nil)}}.Execute(b.raw())
	wantRC(t, "resetting the vault's register", err, tpm2.TPMRCLocality)
	_, err = b.chip.Start(b.launch(program))
	wants(t, "a second vault", err, ErrUsed)
	again, err := Open(swtpm.Socket(b.dir))
	must(t, err)
	_, err = again.Start(b.launch(program))
	wants(t, "a second launcher", err, ErrUsed)
}

// The limit of a TPM whose state the host owns: copying one file back turns
// the counter back. The test asserts the weakness, so that nobody reads the
// others as freshness against such a host.
func TestHostThatOwnsTheStateRollsBack(t *testing.T) {
	b, p := started(t)
	ctx := context.Background()
	blob, err := p.Seal(ctx, 0, kek)
	must(t, err)
	b.cut()
	file := filepath.Join(b.dir, swtpm.StateFile)
	old, err := os.ReadFile(file)
	must(t, err)
	b.powerOn()
	must(t, b.start().Commit(ctx, 1))
	b.cut()
	must(t, os.WriteFile(file, old, 0o600))
	b.powerOn()
	p = b.start()
	if _, err := p.Unseal(ctx, 0, blob); err != nil {
		t.Errorf("swtpm now notices that its state was turned back (%v): update SECURITY.md and README.md", err)
	}
}

// No bit of a sealed secret can change.
func TestEveryBitOfASealedSecretCounts(t *testing.T) {
	_, p := started(t)
	ctx := context.Background()
	good, err := p.Seal(ctx, 0, kek)
	must(t, err)
	flips := 0
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			flips++
			if _, err := p.Unseal(ctx, 0, bad); err == nil {
				t.Errorf("bit %d of byte %d changed, and it opens", bit, i)
			}
		}
		if testing.Short() && i > 40 {
			break
		}
	}
	if got, err := p.Unseal(ctx, 0, good); err != nil || !bytes.Equal(got, kek) {
		t.Errorf("afterwards the good one does not open: %v", err)
	}
	t.Logf("%d bits, none accepted", flips)
}

// A vault that goes on after the chip was reset commits nothing any more, nor
// does it while another vault has been started: their steps would be mixed up.
func TestCommitAfterReset(t *testing.T) {
	b, p := started(t)
	ctx := context.Background()
	must(t, p.Commit(ctx, 1))
	b.cut()
	var err error
	if b.soft, err = swtpm.Start(b.dir); err != nil {
		t.Fatal(err)
	}
	wants(t, "after a reset", p.Commit(ctx, 2), ErrRestarted)
	if epoch, err := p.Epoch(ctx); err != nil || epoch != 1 {
		t.Errorf("the counter is at %d, %v", epoch, err)
	}
	if b.chip, err = Open(swtpm.Socket(b.dir)); err != nil {
		t.Fatal(err)
	}
	q := b.start()
	wants(t, "beside another vault", p.Commit(ctx, 2), ErrRestarted)
	must(t, q.Commit(ctx, 2))
	wants(t, "after another vault", p.Commit(ctx, 3), ErrRestarted)
}
