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
	"time"

	"volar/enclave/receipt"
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
	// Commit moves the counter from epoch-1 to epoch, or fails. After an
	// error the counter stands at one of the two, for good: Epoch says which.
	// Once the platform has been started for another vault it always fails:
	// the counter alone cannot tell whose step it was.
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
	ErrUncertain  = errors.New("nobody is deleted before the gallery is certified: there could be no receipt")
)

// Tenant is whose gallery it is. The operator's key is part of it, so that a
// host that puts another operator into the vault's configuration gets
// another gallery, and not this one.
type Tenant struct {
	Name     string
	Operator [32]byte // Ed25519 public key of whoever admits devices
	Recovery []byte   // the recovery key that the operator signed, or nil; see enclave/recovery
	Renewal  []byte   // the operator's order for the tenant's codes, or nil; see enclave/renewal
}

// Gallery is the encrypted gallery of all tenants. Its methods may be called
// at the same time.
type Gallery struct {
	sealer Sealer
	blobs  Blobs
	wait   time.Duration // the least time between two epochs of changes that are not urgent

	importing key // seed of the import key while a restore waits for its grants; set by Open alone
	recode    func(tenant string, key [32]byte)

	turn    sync.Mutex // held while a change is prepared and committed; guards what follows
	settled bool       // no head of a later epoch has ever been given to the store
	current []string   // names of the blobs that are the committed head
	litter  []string   // names that nothing points to any more
	program [32]byte   // measurement of this vault, once certified

	mu      sync.Mutex // never held for long; guards what follows
	epoch   uint64     // of the head that is committed
	shelves []*shelf   // what that head says, by tenant name
	failed  error
	queue   []*op
	running bool
	last    time.Time // of the last batch
	wake    chan struct{}
}

// shelf is one tenant's part of the gallery.
type shelf struct {
	Tenant
	open    bool // its tenant is among those given to Open
	codes   codes
	ordered uint64 // generation of codes that the operator wants; what lies below it is to be renewed
	signing key    // Ed25519 seed of the tenant's receipt key
	pages   []*page
	tree    receipt.Tree
	root    [32]byte // of the tree
	changes uint64   // how many epochs changed its records
	owed    []owed   // receipts that the store may not hold yet
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
// it returns nil the record is on disk and committed: it outlives the process
// and is there in every epoch to come. After an error it is as it was. It
// waits for other changes to be committed with it, as Options says.
func (g *Gallery) Put(ctx context.Context, tenant string, r *Record) error {
	if err := g.submit(ctx, &op{tenant: tenant, person: r.Person, record: r}); err != nil {
		return fmt.Errorf("gallery: store record: %w", err)
	}
	return nil
}

// Delete forgets a person: when it returns nil the key of the record is
// gone, so that no copy of the store can give it back. The receipt says so,
// signed with the tenant's receipt key (wire.VerifyReceipt). It waits for
// nothing but a change that is being committed.
func (g *Gallery) Delete(ctx context.Context, tenant string, person wire.Person) (signed []byte, err error) {
	o := &op{tenant: tenant, person: person}
	if err := g.submit(ctx, o); err != nil {
		return nil, fmt.Errorf("gallery: delete record: %w", err)
	}
	return o.receipt, nil
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

// Changes is how often a tenant's records have changed. Unlike the epoch it
// does not move when a vault starts, so a host that has put back an old
// gallery together with an old counter cannot count it up again.
func (g *Gallery) Changes(tenant string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := find(g.shelves, tenant); s != nil {
		return s.changes
	}
	return 0
}

// People is how many people a tenant has enrolled.
func (g *Gallery) People(tenant string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := find(g.shelves, tenant); s != nil {
		return s.tree.Len()
	}
	return 0
}

// Root is the root of a tenant's tree, as receipts of this epoch name it.
func (g *Gallery) Root(tenant string) [32]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := find(g.shelves, tenant); s != nil {
		return s.root
	}
	return [32]byte{}
}

// state is what is committed.
func (g *Gallery) state() (epoch uint64, shelves []*shelf, failed error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.epoch, g.shelves, g.failed
}

func (g *Gallery) setEpoch(epoch uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.epoch = epoch
}

func (g *Gallery) setShelves(shelves []*shelf) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shelves = shelves
}

// fail ends all changes for good.
func (g *Gallery) fail(why error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed = why
	return why
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

// page returns the page that lists a person and the person's place in it, or nil.
func (s *shelf) page(person wire.Person) (*page, int) {
	for _, p := range s.pages {
		if i := p.index(person); i >= 0 {
			return p, i
		}
	}
	return nil, -1
}

func (p *page) index(person wire.Person) int {
	for i := range p.entries {
		if p.entries[i].person == person {
			return i
		}
	}
	return -1
}

// handle is what stands for a person in the tenant's tree.
func (s *shelf) handle(person wire.Person) [32]byte {
	return receipt.Handle(s.Name, s.Operator, person)
}

// leaf is an entry's place in the tenant's tree.
func (s *shelf) leaf(e entry) receipt.Leaf {
	return receipt.Leaf{Handle: s.handle(e.person), Record: e.ref.Hash}
}
