package gallery

import (
	"fmt"
	"slices"

	"volar/wire"
)

// draft is the gallery of the next epoch while it is being prepared. What is
// committed stays as it is: a draft has its own shelves, and its own copy of
// every page that it changes.
type draft struct {
	epoch   uint64
	shelves []*shelf
	touched map[*shelf]bool
	fresh   map[*page]bool // made by this draft, and not yet encrypted
	puts    []wire.Blob
	drops   []string // names that nothing points to once it is committed
	gone    []*page  // pages that it replaces
}

func newDraft(epoch uint64, shelves []*shelf) *draft {
	d := &draft{epoch: epoch + 1, touched: map[*shelf]bool{}, fresh: map[*page]bool{}}
	for _, s := range shelves {
		own := *s
		own.pages, own.owed = slices.Clone(s.pages), slices.Clone(s.owed)
		d.shelves = append(d.shelves, &own)
	}
	return d
}

// put adds a record, or replaces the person's.
func (d *draft) put(tenant string, r *Record) error {
	s := find(d.shelves, tenant)
	if s == nil {
		return ErrUnknown
	}
	p, at := s.page(r.Person)
	if p == nil {
		if p = s.room(); p == nil && len(s.pages) >= maxPages {
			return fmt.Errorf("%w: %d people", ErrFull, MaxPeople)
		}
	}
	e, err := d.record(s.Tenant, r)
	if err != nil {
		return err
	}
	if p == nil {
		p = &page{}
		s.pages = append(s.pages, p)
	}
	p = d.own(s, p)
	if at >= 0 {
		d.drops = append(d.drops, p.entries[at].ref.name(kindRecord))
		p.entries[at] = e
	} else {
		p.entries = append(p.entries, e)
	}
	s.tree = s.tree.With(s.leaf(e))
	d.touched[s] = true
	return nil
}

// remove takes a person out, and notes that a receipt is owed for it.
func (d *draft) remove(tenant string, person wire.Person, o owed) error {
	s := find(d.shelves, tenant)
	if s == nil {
		return ErrUnknown
	}
	p, at := s.page(person)
	if p == nil {
		return ErrUnknown
	}
	p = d.own(s, p)
	d.drops = append(d.drops, p.entries[at].ref.name(kindRecord))
	p.entries = slices.Delete(p.entries, at, at+1)
	o.handle = s.handle(person)
	s.tree = s.tree.Without(o.handle)
	s.owed = append(s.owed, o)
	s.owed = s.owed[max(0, len(s.owed)-maxOwed):]
	d.touched[s] = true
	return nil
}

// room returns a page with a free place, or nil. A new page begins only when
// all are full, so there are never more than maxPages.
func (s *shelf) room() *page {
	for _, p := range s.pages {
		if len(p.entries) < pageSize {
			return p
		}
	}
	return nil
}

// own gives the draft's own copy of a page.
func (d *draft) own(s *shelf, p *page) *page {
	if d.fresh[p] {
		return p
	}
	own := &page{entries: slices.Clone(p.entries)}
	d.fresh[own] = true
	s.pages[slices.Index(s.pages, p)] = own
	if p.ref != (ref{}) {
		d.drops = append(d.drops, p.ref.name(kindPage))
		d.gone = append(d.gone, p)
	}
	return own
}

// record encrypts a person's record.
func (d *draft) record(t Tenant, r *Record) (entry, error) {
	plain, err := encodeRecord(r)
	if err != nil {
		return entry{}, err
	}
	e := entry{r.Person, newRef(d.epoch)}
	box, err := e.ref.close(kindRecord, t, plain)
	if err != nil {
		return entry{}, err
	}
	d.puts = append(d.puts, wire.Blob{Key: e.ref.name(kindRecord), Value: box})
	return e, nil
}

// finish encrypts the pages that are new, drops the empty ones and computes
// the roots. Nothing may be changed after it.
func (d *draft) finish() error {
	for s := range d.touched {
		s.pages = slices.DeleteFunc(s.pages, func(p *page) bool { return len(p.entries) == 0 })
		for _, p := range s.pages {
			if !d.fresh[p] {
				continue
			}
			if err := d.page(s.Tenant, p); err != nil {
				return err
			}
		}
		s.root = s.tree.Root()
		s.changes++
		for i := range s.owed {
			if s.owed[i].after == d.epoch {
				s.owed[i].root = s.root
			}
		}
	}
	return nil
}

func (d *draft) page(t Tenant, p *page) error {
	plain, err := encodePage(p.entries)
	if err != nil {
		return err
	}
	p.ref = newRef(d.epoch)
	box, err := p.ref.close(kindPage, t, plain)
	if err != nil {
		return err
	}
	d.puts = append(d.puts, wire.Blob{Key: p.ref.name(kindPage), Value: box})
	return nil
}

// forget clears what the draft replaced, once it is committed: the new pages
// have their own copies of the keys that stay.
func (d *draft) forget() {
	for _, p := range d.gone {
		clear(p.ref.Key[:])
		clear(p.entries)
	}
}
