package gallery

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"volar/enclave/vault/memory"
	"volar/wire"
)

// commit makes a draft the gallery: records and pages first, then the head
// that points to them, then the counter. Only when the counter has moved is
// it done.
func (g *Gallery) commit(ctx context.Context, d *draft) error {
	if err := d.finish(); err != nil {
		return err
	}
	head, err := g.head(ctx, d.epoch, d.shelves, key{})
	if err != nil {
		return err
	}
	// From here on the host may hold a head of the next epoch. If the counter
	// does not move to it now, that epoch must never be used for another head.
	g.settled = false
	if err := g.write(ctx, append(d.puts, head...)); err != nil {
		g.abandon(d)
		return err
	}
	if err := g.advance(ctx, d.epoch); err != nil {
		g.abandon(d)
		return err
	}
	g.setShelves(d.shelves)
	g.settled = true
	d.forget()
	g.litter = append(g.litter, d.drops...)
	g.headIs(head)
	return nil
}

// abandon leaves what a draft wrote to the sweep.
func (g *Gallery) abandon(d *draft) {
	for _, p := range d.puts {
		g.litter = append(g.litter, p.Key)
	}
}

// headIs notes which blobs are the head now; those that were are litter.
func (g *Gallery) headIs(head []wire.Blob) {
	g.litter = append(g.litter, g.current...)
	g.current = nil
	for _, b := range head {
		g.current = append(g.current, b.Key)
	}
}

// maxApply is how many bytes of values go into one Apply: with the names and
// the message around them they fit a frame.
const maxApply = wire.MaxValue - 1<<16

// write puts blobs on disk in this order, in as few Applies as they fit.
// What comes last is never there without what comes before it.
func (g *Gallery) write(ctx context.Context, blobs []wire.Blob) error {
	for len(blobs) > 0 {
		n, size := 0, 0
		for n < len(blobs) && n < wire.MaxChanges && (n == 0 || size+len(blobs[n].Value) <= maxApply) {
			size += len(blobs[n].Value)
			n++
		}
		if err := g.blobs.Apply(ctx, blobs[:n], nil); err != nil {
			return err
		}
		blobs = blobs[n:]
	}
	return nil
}

// head seals shelves as the head of an epoch, under a new KEK, with what the
// holders of recovery keys would need in front of it.
func (g *Gallery) head(ctx context.Context, epoch uint64, shelves []*shelf, importing key) ([]wire.Blob, error) {
	plain, err := encodeContent(shelves, importing)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var box, sealed []byte
	memory.Erasing(func() { box, sealed, err = g.sealHead(ctx, epoch, plain) })
	if err != nil {
		return nil, err
	}
	b, err := encodeHead(epoch, sealed, box)
	if err != nil {
		return nil, err
	}
	if len(b) > wire.MaxValue {
		return nil, fmt.Errorf("%w: head of %d bytes, at most %d", ErrFull, len(b), wire.MaxValue)
	}
	blobs, err := escrow(epoch, shelves)
	if err != nil {
		return nil, err
	}
	return append(blobs, wire.Blob{Key: headName(epoch), Value: b}), nil
}

// sealHead encrypts a head's content under a new KEK and seals that.
func (g *Gallery) sealHead(ctx context.Context, epoch uint64, plain []byte) (box, sealed []byte, err error) {
	var kek key
	_, _ = rand.Read(kek[:])
	defer clear(kek[:])
	if box, err = shut(kek, binding(kindHead, Tenant{}, blobID{}, epoch), plain); err == nil {
		sealed, err = g.sealer.Seal(ctx, epoch, kek[:])
	}
	return box, sealed, err
}

// advance moves the counter to epoch. Where it cannot learn whether the
// counter moved, the gallery fails: what it knows may not be the truth.
func (g *Gallery) advance(ctx context.Context, epoch uint64) error {
	err := g.sealer.Commit(ctx, epoch)
	if err == nil {
		g.setEpoch(epoch)
		return nil
	}
	now, again := g.sealer.Epoch(ctx)
	switch {
	case again != nil:
		return g.fail(fmt.Errorf("%w: %w", ErrFailed, err))
	case now == epoch-1:
		return err
	case now == epoch:
		g.setEpoch(epoch)
		return nil
	}
	return g.fail(fmt.Errorf("%w: it stands at %d, not at %d", ErrForked, now, epoch))
}

// settle moves the gallery, as it is, two epochs on.
//
// Without it a host could do this: let the vault send the head of epoch n+1
// with one change, report a failure (or kill the vault), let it send another
// head of n+1 with another change, and commit that; then it would hold two
// heads that the platform opens at n+1, and could undo the second change. So
// whenever a head of n+1 may be out that is not committed (always at start,
// and after an error), n+1 is passed over: it is used for the gallery as it
// is, which makes it harmless to stop there, and n+2 becomes the epoch that
// counts. No head of n+2 can be out: none is ever sealed further ahead than
// the next epoch, so the head of n+2 comes after the counter has reached n+1.
func (g *Gallery) settle(ctx context.Context) error {
	was, shelves, _ := g.state()
	for epoch := was + 1; epoch <= was+2; epoch++ {
		head, err := g.head(ctx, epoch, shelves, g.importing)
		if err != nil {
			return err
		}
		if err := g.write(ctx, head); err != nil {
			return err
		}
		if err := g.advance(ctx, epoch); err != nil {
			return err
		}
		g.headIs(head)
	}
	g.settled = true
	g.sweep(ctx, nil)
	return nil
}

// maxExtra is how many receipts and proofs go into one Apply.
const maxExtra = 200

// sweep deletes litter and stores what is good to have. Nothing depends on
// it: the keys are gone already. What cannot be done now is done after the
// next change or at the next start.
func (g *Gallery) sweep(ctx context.Context, extra []wire.Blob) bool {
	slices.Sort(g.litter)
	g.litter = slices.Compact(g.litter)
	for len(g.litter)+len(extra) > 0 {
		k := min(len(extra), maxExtra)
		n := min(len(g.litter), wire.MaxChanges-k)
		if g.blobs.Apply(ctx, extra[:k], g.litter[:n]) != nil {
			return false
		}
		extra, g.litter = extra[k:], g.litter[n:]
	}
	g.litter = nil
	return true
}
