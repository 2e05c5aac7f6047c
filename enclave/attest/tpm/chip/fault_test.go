package chip

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/swtpm"
)

// through opens the board's TPM behind a proxy.
func (b *board) through(p *proxy) *Chip {
	b.t.Helper()
	c, err := Open(p.path)
	must(b.t, err)
	c.patience, c.conn.patience = 300*time.Millisecond, 300*time.Millisecond
	return c
}

// life is what a platform does from its start to its first evidence and on.
func life(c *Chip, l Launch, blob *[]byte, secret []byte) error {
	ctx := context.Background()
	p, err := c.Start(l)
	if err != nil {
		return err
	}
	n, err := p.Epoch(ctx)
	if err != nil {
		return err
	}
	if *blob != nil {
		got, err := p.Unseal(ctx, n, *blob)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, secret) {
			return errors.New("another secret came back")
		}
	}
	next, err := p.Seal(ctx, n+1, secret)
	if err != nil {
		return err
	}
	if err := p.Commit(ctx, n+1); err != nil {
		return err
	}
	*blob = next
	if m, err := p.Epoch(ctx); err != nil || m != n+1 {
		return errors.Join(err, errors.New("one commit is not one step"))
	}
	if err := p.Bind(ctx, vault); err != nil {
		return err
	}
	_, err = p.Evidence(ctx, attest.ReportData(vault, nonce, 0, "acme"))
	return err
}

// Each command of a platform's life in turn meets each fault that passes: the
// life goes on, every commit is one step, and no key is lost.
func TestFaultsThatPass(t *testing.T) {
	b := newBoard(t)
	b.setUp()
	var blob []byte
	relay := newProxy(t, b)
	l := b.launch(program)
	must(t, life(b.through(relay), l, &blob, kek))
	total := relay.commands()
	points := 0
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= total; at += step {
		for _, f := range []fault{lostAsk, lostReply, halfReply, rcRetry, rcTesting, rcRate} {
			if f >= halfReply && at%4 != int(f)%4 { // one of these four for each command
				continue
			}
			b.restart()
			c := b.through(relay)
			relay.harm(at, 1, f)
			if err := life(c, l, &blob, kek); err != nil {
				t.Fatalf("command %d of %d, %v: %v", at, total, f, err)
			}
			points++
		}
	}
	t.Logf("%d commands, %d faults", total, points)
}

// What a broken connection leaves in the TPM, which has room for three
// sessions and three objects, is removed.
func TestNothingIsLeftBehind(t *testing.T) {
	b := newBoard(t)
	b.setUp()
	relay := newProxy(t, b)
	p, err := b.through(relay).Start(b.launch(program))
	must(t, err)
	must(t, p.Bind(context.Background(), vault))
	for range 8 {
		relay.harm(1, 1, lostReply) // the session begins, and nobody knows of it
		if _, err := p.Epoch(context.Background()); err != nil {
			t.Fatal(err)
		}
		relay.harm(1, 1, lostReply)
		p.evidence(t)
	}
}

// A set-up that is disturbed at any command succeeds, or can be begun again.
func TestFaultsDuringSetUp(t *testing.T) {
	done, total := 0, 1
	for at := 1; at <= total; at++ {
		b := newBoard(t)
		relay := newProxy(t, b)
		c := b.through(relay)
		f := []fault{lostAsk, lostReply, halfReply}[at%3]
		relay.harm(at, 1, f)
		must(t, c.SetUp(public(release), b.keep))
		if at == 1 {
			total = relay.commands()
		}
		_, err := b.chip.Start(b.launch(program))
		if err != nil {
			t.Errorf("set up with %v at command %d: %v", f, at, err)
		}
		b.cut()
		done++
	}
	if done < 20 {
		t.Errorf("only %d commands were disturbed", done)
	}
}

// Whoever cuts the power during the set-up finds a machine that can be set up:
// with the state kept, or from the beginning.
func TestSetUpIsKilledAnywhere(t *testing.T) {
	kept, lost := 0, 0
	for at := 1; at < 60; at++ {
		b := newBoard(t)
		relay := newProxy(t, b)
		c := b.through(relay)
		relay.harm(at, 1<<20, lostAsk) // from here on nothing gets through
		if err := c.SetUp(public(release), b.keep); err == nil {
			break // all of it got through
		}
		b.restart()
		if b.state == nil {
			lost++
			b.setUp()
		} else {
			kept++
		}
		if _, err := b.chip.Start(b.launch(program)); err != nil {
			t.Errorf("killed at command %d, state kept %v: %v", at, kept > 0, err)
		}
		b.restart()
		wants(t, "a set-up of a machine that is set up", b.chip.SetUp(public(release), func([]byte) error { return nil }), ErrOwned)
		b.cut()
	}
	if kept == 0 || lost < 10 {
		t.Errorf("killed before the state was kept %d times, after it %d", lost, kept)
	}
}

// What the TPM refuses, or puts off for too long, is an error in plain words,
// and nothing is lost: the next try works.
func TestFaultsThatDoNot(t *testing.T) {
	b := newBoard(t)
	b.setUp()
	var blob []byte
	relay := newProxy(t, b)
	must(t, life(b.through(relay), b.launch(program), &blob, kek))
	for _, c := range []struct {
		what fault
		want error
	}{{rcLockout, ErrLockout}, {rcUnavailable, faultCodes[rcUnavailable]}, {rcRetry, ErrBusy}, {lostAsk, errLost}} {
		for _, at := range []int{1, 2, 3} {
			b.restart()
			p, err := b.through(relay).Start(b.launch(program))
			must(t, err)
			ctx := context.Background()
			n, err := p.Epoch(ctx)
			must(t, err)
			relay.harm(at, 1<<20, c.what)
			wants(t, c.what.String(), p.Commit(ctx, n+1), c.want)
			relay.harm(0, 0, none)
			m, err := p.Epoch(ctx)
			must(t, err)
			if m == n {
				must(t, p.Commit(ctx, n+1))
			} else if m != n+1 {
				t.Errorf("%v: the counter went from %d to %d", c.what, n, m)
			}
			relay.harm(min(at, 2), 1<<20, c.what) // it has two commands
			if _, err := p.Seal(ctx, n+2, kek); !errors.Is(err, c.want) {
				t.Errorf("seal with %v: %v", c.what, err)
			}
			relay.harm(0, 0, none)
			_, err = p.Seal(ctx, n+2, kek)
			must(t, err)
		}
	}
}

// T20, and power cuts: the counter may be ahead of the last acknowledgement,
// never behind, whenever the TPM is killed.
func TestCounterSurvivesKill(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 6
	}
	b, p := started(t)
	ctx := context.Background()
	acked := uint64(0)
	for k := range rounds {
		dead := make(chan struct{})
		go func(soft *swtpm.TPM) {
			time.Sleep(time.Duration(1+k%9) * time.Millisecond)
			soft.Kill()
			close(dead)
		}(b.soft)
		p.chip.conn.patience = time.Millisecond
		for p.Commit(ctx, acked+1) == nil {
			acked++
		}
		<-dead
		b.soft = nil
		b.powerOn()
		p = b.start()
		n, err := p.Epoch(ctx)
		must(t, err)
		if n < acked || n > acked+1 {
			t.Errorf("round %d: the counter stands at %d after %d was acknowledged", k, n, acked)
		}
		acked = n
	}
	t.Logf("%d kills, counter %d", rounds, acked)
}

// After a power cut a chip's clock may have gone back: the launcher sets it
// past that, so evidence is accepted at once.
func TestClockAfterPowerCut(t *testing.T) {
	b, p := started(t)
	must(t, p.Bind(context.Background(), vault))
	for range 3 {
		b.restart()
		p = b.start()
		must(t, p.Bind(context.Background(), vault))
		if _, err := verify(t, p.evidence(t), b.policy()); err != nil {
			t.Error(err)
		}
	}
}

// T2: the secret that is unsealed, the seed and every auth value never pass
// between processor and TPM in the clear.
func TestBusSniffing(t *testing.T) {
	b := newBoard(t)
	relay := newProxy(t, b)
	c := b.through(relay)
	must(t, c.SetUp(public(release), b.keep))
	p, err := c.Start(b.launch(program))
	must(t, err)
	ctx := context.Background()
	secret := bytes.Repeat([]byte{0xa5, 0x5a, 0x11, 0x77}, 8)
	blob, err := p.Seal(ctx, 1, secret)
	must(t, err)
	must(t, p.Commit(ctx, 1))
	got, err := p.Unseal(ctx, 1, blob)
	must(t, err)
	if !bytes.Equal(got, secret) {
		t.Fatal("another secret came back")
	}
	must(t, p.Bind(ctx, vault))
	p.evidence(t)
	relay.mu.Lock()
	defer relay.mu.Unlock()
	heard := relay.heard
	if len(heard) < 10_000 || !bytes.Contains(heard, []byte(tpm.PolicyRef)) {
		t.Fatalf("only %d bytes were heard", len(heard))
	}
	absent := map[string][]byte{"secret": secret, "seed": p.seed.secret[:]}
	for _, use := range []string{ownerAuth, lockoutAuth, counterAuth, keyAuth} {
		auth, err := p.seed.auth(use)
		must(t, err)
		absent["auth value of "+use] = auth
	}
	for name, s := range absent {
		for at := 0; at+8 <= len(s); at++ {
			if bytes.Contains(heard, s[at:at+8]) {
				t.Errorf("the %s passes in the clear", name)
				break
			}
		}
	}
	t.Logf("%d bytes heard", len(heard))
}
