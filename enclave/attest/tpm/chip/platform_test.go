package chip

import (
	"bytes"
	"context"
	"testing"
)

var kek = bytes.Repeat([]byte{7}, 32)

// The whole life of a platform: set up, seal, commit, bind, quote, restart.
func TestPlatform(t *testing.T) {
	b, p := started(t)
	ctx := context.Background()
	if n, err := p.Epoch(ctx); err != nil || n != 0 {
		t.Fatalf("a new platform is at epoch %d, %v", n, err)
	}
	blob, err := p.Seal(ctx, 1, kek)
	must(t, err)
	must(t, p.Commit(ctx, 1))
	got, err := p.Unseal(ctx, 1, blob)
	must(t, err)
	if !bytes.Equal(got, kek) {
		t.Error("another secret came back")
	}
	_, err = p.Evidence(ctx, [64]byte{})
	wants(t, "evidence before the key is bound", err, ErrNotBound)
	must(t, p.Bind(ctx, vault))
	_, err = p.Unseal(ctx, 1, blob)
	wants(t, "unseal after CAP", err, ErrBound)
	e := p.evidence(t)
	t.Logf("evidence: body %d bytes, sealed %d bytes, state %d bytes", len(e.Body), len(blob), len(b.state))
	c, err := verify(t, e, b.policy())
	if err != nil {
		t.Fatal(err)
	}
	if c.VaultKey != vault || c.Measurement != program {
		t.Errorf("claims %+v", c)
	}
	next, err := p.Seal(ctx, 2, kek)
	must(t, err)
	must(t, p.Commit(ctx, 2))

	b.restart()
	p = b.start()
	if _, err := p.Unseal(ctx, 1, blob); err == nil {
		t.Error("the key of an epoch that is gone opens")
	}
	got, err = p.Unseal(ctx, 2, next)
	if err != nil || !bytes.Equal(got, kek) {
		t.Errorf("after a restart: %v", err)
	}
}
