package gallery

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"volar/wire"
)

// change is one change of the gallery while it is being prepared.
type change struct {
	epoch uint64
	puts  []wire.Blob
	drops []string // names that nothing points to once it is committed
	old   *page    // the page that it replaces
}

// record adds a person's record to the change.
func (c *change) record(t Tenant, r *Record) (entry, error) {
	plain, err := encodeRecord(r)
	if err != nil {
		return entry{}, err
	}
	e := entry{r.Person, newRef(c.epoch)}
	box, err := e.ref.close(kindRecord, t, plain)
	if err != nil {
		return entry{}, err
	}
	c.puts = append(c.puts, wire.Blob{Key: e.ref.name(kindRecord), Value: box})
	return e, nil
}

// replace puts a page with other entries in the place of a shelf's page, or
// takes the page away when none are left.
func (c *change) replace(s *shelf, old *page, entries []entry) error {
	for _, was := range old.entries {
		if !holds(entries, was.ref.ID) {
			c.drops = append(c.drops, was.ref.name(kindRecord))
		}
	}
	c.old = old
	if old.ref != (ref{}) {
		c.drops = append(c.drops, old.ref.name(kindPage))
	}
	list := make([]*page, 0, len(s.pages))
	for _, p := range s.pages {
		if p != old {
			list = append(list, p)
		} else if len(entries) > 0 {
			next := &page{newRef(c.epoch), entries}
			if err := c.page(s.Tenant, next); err != nil {
				return err
			}
			list = append(list, next)
		}
	}
	s.pages = list
	return nil
}

func (c *change) page(t Tenant, p *page) error {
	plain, err := encodePage(p.entries)
	if err != nil {
		return err
	}
	box, err := p.ref.close(kindPage, t, plain)
	if err != nil {
		return err
	}
	c.puts = append(c.puts, wire.Blob{Key: p.ref.name(kindPage), Value: box})
	return nil
}

func holds(entries []entry, id blobID) bool {
	for i := range entries {
		if entries[i].ref.ID == id {
			return true
		}
	}
	return false
}

// change prepares a change of one tenant's shelf and commits it. prepare
// gets a copy of the shelf, and the page that lists the person or nil.
func (g *Gallery) change(ctx context.Context, tenant string, person wire.Person, prepare func(*change, *shelf, *page) error) error {
	if g.failed != nil {
		return g.failed
	}
	if !g.settled {
		if err := g.settle(ctx); err != nil {
			return err
		}
	}
	c := &change{epoch: g.epoch + 1}
	next := make([]*shelf, len(g.shelves))
	var s *shelf
	for i, was := range g.shelves {
		next[i] = was
		if was.Name == tenant {
			s = &shelf{was.Tenant, append([]*page(nil), was.pages...)}
			next[i] = s
		}
	}
	if s == nil {
		return ErrUnknown
	}
	if err := prepare(c, s, s.page(person)); err != nil {
		return err
	}
	return g.commit(ctx, c, next)
}

// commit makes shelves the gallery: blobs first, then the head that points to
// them, then the counter. Only when the counter has moved is it done.
func (g *Gallery) commit(ctx context.Context, c *change, shelves []*shelf) error {
	head, err := g.head(ctx, c.epoch, shelves)
	if err != nil {
		return err
	}
	// From here on the host may hold a head of the next epoch. If the counter
	// does not move to it now, that epoch must never be used for another head.
	g.settled = false
	if err := g.blobs.Apply(ctx, append(c.puts, head), nil); err != nil {
		for _, p := range c.puts {
			g.litter = append(g.litter, p.Key)
		}
		return err
	}
	if err := g.advance(ctx, c.epoch); err != nil {
		for _, p := range c.puts {
			g.litter = append(g.litter, p.Key)
		}
		return err
	}
	g.shelves, g.settled = shelves, true
	clear(c.old.ref.Key[:])
	clear(c.old.entries) // the new page has its own copies of the keys that stay
	g.litter = append(g.litter, c.drops...)
	g.litter = append(g.litter, headName(c.epoch-1))
	g.sweep(ctx)
	return nil
}

// head seals shelves as the head of an epoch, under a new KEK.
func (g *Gallery) head(ctx context.Context, epoch uint64, shelves []*shelf) (wire.Blob, error) {
	plain, err := encodeShelves(shelves)
	if err != nil {
		return wire.Blob{}, err
	}
	defer clear(plain)
	var kek key
	_, _ = rand.Read(kek[:])
	defer clear(kek[:])
	box, err := shut(kek, binding(kindHead, Tenant{}, blobID{}, epoch), plain)
	if err != nil {
		return wire.Blob{}, err
	}
	sealed, err := g.sealer.Seal(ctx, epoch, kek[:])
	if err != nil {
		return wire.Blob{}, err
	}
	b, err := encodeHead(epoch, sealed, box)
	if err != nil {
		return wire.Blob{}, err
	}
	if len(b) > wire.MaxValue {
		return wire.Blob{}, fmt.Errorf("%w: head of %d bytes, at most %d", ErrFull, len(b), wire.MaxValue)
	}
	return wire.Blob{Key: headName(epoch), Value: b}, nil
}

// advance moves the counter to epoch. Where it cannot learn whether the
// counter moved, the gallery fails: what it knows may not be the truth.
func (g *Gallery) advance(ctx context.Context, epoch uint64) error {
	err := g.sealer.Commit(ctx, epoch)
	if err == nil {
		g.epoch = epoch
		return nil
	}
	now, again := g.sealer.Epoch(ctx)
	switch {
	case again != nil:
		g.failed = fmt.Errorf("%w: %w", ErrFailed, err)
		return g.failed
	case now == epoch-1:
		return err
	case now == epoch:
		g.epoch = epoch
		return nil
	}
	g.failed = fmt.Errorf("%w: it stands at %d, not at %d", ErrForked, now, epoch)
	return g.failed
}

// settle moves the gallery, as it is, two epochs on.
//
// Without it a host could do this: let the vault send the head of epoch n+1
// with one change, report a failure (or kill the vault), let it send another
// head of n+1 with another change, and commit that; then it would hold two
// heads that the platform opens at n+1, and could undo the second change. So
// whenever a head of n+1 may be out that is not committed (always at start,
// and after an error), n+1 is passed over: it is used for the gallery as it
// is, which makes it harmless to stop there, and n+2, of which no head can
// be out, becomes the epoch that counts.
func (g *Gallery) settle(ctx context.Context) error {
	was := g.epoch
	first, err := g.head(ctx, was+1, g.shelves)
	if err != nil {
		return err
	}
	second, err := g.head(ctx, was+2, g.shelves)
	if err != nil {
		return err
	}
	for _, head := range []wire.Blob{first, second} { // one at a time: each may be as long as a message
		if err := g.blobs.Apply(ctx, []wire.Blob{head}, nil); err != nil {
			return err
		}
	}
	for _, epoch := range []uint64{was + 1, was + 2} {
		if err := g.advance(ctx, epoch); err != nil {
			return err
		}
		g.litter = append(g.litter, headName(epoch-1))
	}
	g.settled = true
	g.sweep(ctx)
	return nil
}

// sweep deletes litter. Nothing depends on it: the keys are gone already. What
// cannot be deleted now is deleted after the next change or at the next start.
func (g *Gallery) sweep(ctx context.Context) {
	slices.Sort(g.litter)
	g.litter = slices.Compact(g.litter)
	for len(g.litter) > 0 {
		n := min(len(g.litter), wire.MaxChanges)
		if g.blobs.Apply(ctx, nil, g.litter[:n]) != nil {
			return
		}
		g.litter = g.litter[n:]
	}
	g.litter = nil
}
