// Package gallery keeps the enrolled people of every tenant on a store that
// is not trusted: encrypted before they leave, and restored at start.
//
// The store holds a tree. Leaves are records, one a person; pages list
// records; the head lists the pages of every tenant. Each entry of a list
// holds the key, the hash and the epoch of what it points to, so the head
// decides which bytes are the gallery, and whoever cannot open the head
// cannot open anything. The head's key (the KEK of its epoch) is sealed to
// the platform and opens only while the platform's counter stands at that
// epoch. Every change writes new blobs under new keys and names, then moves
// the counter: that is the commit, it refuses whatever the store held before,
// and it destroys the keys of what was deleted. README.md has the details.
package gallery

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"volar/wire"
)

// Sealer is the part of the platform that the gallery stands on.
type Sealer interface {
	// Epoch is the value of a counter that only goes up; 0 at first.
	Epoch(ctx context.Context) (uint64, error)
	// Seal encrypts a secret that opens only while the counter stands at epoch.
	Seal(ctx context.Context, epoch uint64, secret []byte) ([]byte, error)
	// Unseal opens what Seal made for the epoch at which the counter stands.
	Unseal(ctx context.Context, epoch uint64, sealed []byte) ([]byte, error)
	// Commit moves the counter from epoch-1 to epoch, or fails.
	Commit(ctx context.Context, epoch uint64) error
}

// Blobs is the store. It belongs to the host: the gallery believes none of
// what it says, and puts nothing into it that the host may not see.
type Blobs interface {
	// Get returns a value of at most wire.MaxValue bytes.
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	// List returns keys with the prefix that come after another key, in order.
	List(ctx context.Context, prefix, after string) (keys []string, more bool, err error)
	// Apply does all of it or nothing, and returns when it is on disk.
	Apply(ctx context.Context, puts []wire.Blob, deletes []string) error
}

// Limits.
const (
	MaxTenants = 32
	MaxPeople  = 20_000 // of one tenant
	pageSize   = 128    // records that one page lists
	maxPages   = (MaxPeople + pageSize - 1) / pageSize
)

// What a gallery refuses.
var (
	ErrMissing    = errors.New("the store lost it")
	ErrAltered    = errors.New("the store holds other bytes than were written")
	ErrRolledBack = errors.New("the store holds no gallery of this epoch: it is older than the platform's counter, or empty")
	ErrForeign    = errors.New("the store holds a gallery that another platform sealed")
	ErrOperator   = errors.New("the tenant's gallery was made for another operator key")
	ErrForked     = errors.New("the platform's counter was moved by another vault")
	ErrUnknown    = errors.New("no such tenant or person")
	ErrFull       = errors.New("the tenant's gallery is full")
	ErrFailed     = errors.New("it is not known whether an earlier change was committed: start the vault again")
)

// Tenant is whose gallery it is. The operator's key is part of it, so that a
// host that puts another operator into the vault's configuration gets
// another gallery, and not this one.
type Tenant struct {
	Name     string
	Operator [32]byte // Ed25519 public key of whoever admits devices
}

// Gallery is the encrypted gallery of all tenants. Its methods may be called
// at the same time; changes take their turn.
type Gallery struct {
	sealer Sealer
	blobs  Blobs

	mu      sync.Mutex
	epoch   uint64   // of the head that is committed
	shelves []*shelf // what that head says, by tenant name
	settled bool     // no head of a later epoch has ever been given to the store
	litter  []string // keys that nothing points to any more
	failed  error
}

// shelf is one tenant's part of the gallery.
type shelf struct {
	Tenant
	pages []*page
}

// page lists some of a tenant's records.
type page struct {
	ref     ref
	entries []entry
}

// entry is one person's record.
type entry struct {
	person wire.Person
	ref    ref
}

// Put stores a record, in place of the person's old one if there is one. When
// it returns nil the record outlives the process; after an error it is as it was.
func (g *Gallery) Put(ctx context.Context, tenant string, r *Record) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.change(ctx, tenant, r.Person, func(c *change, s *shelf, at *page) error {
		e, err := c.record(s.Tenant, r)
		if err != nil {
			return err
		}
		if at == nil {
			if at, err = s.room(); err != nil {
				return err
			}
		}
		return c.replace(s, at, at.with(e))
	})
	if err != nil {
		return fmt.Errorf("gallery: store record: %w", err)
	}
	return nil
}

// Delete forgets a person: when it returns nil, the key of the record is
// gone, so that no copy of the store can give it back.
func (g *Gallery) Delete(ctx context.Context, tenant string, person wire.Person) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.change(ctx, tenant, person, func(c *change, s *shelf, at *page) error {
		if at == nil {
			return ErrUnknown
		}
		return c.replace(s, at, at.without(person))
	})
	if err != nil {
		return fmt.Errorf("gallery: delete record: %w", err)
	}
	return nil
}

// Failed says why no change is possible any more, or nil. The process must
// then end: another start finds out what was committed.
func (g *Gallery) Failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed
}

// Epoch is the epoch that is committed.
func (g *Gallery) Epoch() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.epoch
}

// People is how many people a tenant has enrolled.
func (g *Gallery) People(tenant string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	if s := find(g.shelves, tenant); s != nil {
		for _, p := range s.pages {
			n += len(p.entries)
		}
	}
	return n
}

// find returns a tenant's shelf, or nil.
func find(shelves []*shelf, tenant string) *shelf {
	for _, s := range shelves {
		if s.Name == tenant {
			return s
		}
	}
	return nil
}

// page returns the page that lists a person, or nil.
func (s *shelf) page(person wire.Person) *page {
	for _, p := range s.pages {
		if p.index(person) >= 0 {
			return p
		}
	}
	return nil
}

// room returns a page with a free place. A new page begins only when all are
// full, so there are never more than maxPages.
func (s *shelf) room() (*page, error) {
	for _, p := range s.pages {
		if len(p.entries) < pageSize {
			return p, nil
		}
	}
	if len(s.pages) >= maxPages {
		return nil, fmt.Errorf("%w: %d people", ErrFull, MaxPeople)
	}
	p := &page{}
	s.pages = append(s.pages, p)
	return p, nil
}

func (p *page) index(person wire.Person) int {
	for i := range p.entries {
		if p.entries[i].person == person {
			return i
		}
	}
	return -1
}

// with returns the page's entries with one more, or with one in place of the same person's.
func (p *page) with(e entry) []entry {
	list := append(make([]entry, 0, len(p.entries)+1), p.entries...)
	if i := p.index(e.person); i >= 0 {
		list[i] = e
		return list
	}
	return append(list, e)
}

// without returns the page's entries without a person's.
func (p *page) without(person wire.Person) []entry {
	list := make([]entry, 0, len(p.entries))
	for _, e := range p.entries {
		if e.person != person {
			list = append(list, e)
		}
	}
	return list
}
