package gallery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"volar/enclave/receipt"
	"volar/enclave/recovery"
	"volar/enclave/vault/memory"
	"volar/wire"
)

// Options is how a gallery is opened.
type Options struct {
	Tenants []Tenant
	// Wait is the least time between two epochs of stored records: those that
	// come meanwhile share the next one, because a platform's counter is slow
	// and wears out. Deletions never wait. 0: only changes that meet anyway
	// share an epoch.
	Wait time.Duration
	// Restore lets a platform without a gallery take over the one in the
	// store, once each tenant's share holders have granted it.
	Restore bool
	// Recode is called with the key of a tenant's renewable codes: before the
	// tenant's first record is loaded, and by Renew. It is needed where a tenant has such codes.
	Recode func(tenant string, key [32]byte)
	// Load is called with every record of the tenants, but those that are to be
	// renewed; it is wiped when Load returns.
	Load func(tenant string, r *Record) error
}

// Open restores the gallery. It fails if the store lost, changed or rolled
// back anything that the gallery points to, and never repairs. A tenant that
// is new begins with nothing; one that is not given stays as it is.
func Open(ctx context.Context, sealer Sealer, blobs Blobs, o Options) (*Gallery, error) {
	g := &Gallery{sealer: sealer, blobs: blobs, wait: o.Wait, recode: o.Recode, wake: make(chan struct{}, 1)}
	if err := g.open(ctx, o); err != nil {
		return nil, fmt.Errorf("gallery: open: %w", err)
	}
	return g, nil
}

func (g *Gallery) open(ctx context.Context, o Options) (err error) {
	if g.epoch, err = g.sealer.Epoch(ctx); err != nil {
		return err
	}
	if g.epoch == 0 {
		err = g.begin(ctx, o.Restore)
	} else {
		err = g.readHead(ctx)
	}
	if err != nil {
		return err
	}
	if g.importing != (key{}) {
		return g.restore(ctx, o)
	}
	if err := g.read(ctx, o, nil); err != nil {
		return err
	}
	if err := g.settle(ctx); err != nil {
		return err
	}
	return g.collect(ctx)
}

// read reads all pages, and the records of the tenants that are wanted but of
// nobody who is to be forgotten.
func (g *Gallery) read(ctx context.Context, o Options, forget map[[32]byte]bool) error {
	if err := g.admit(o.Tenants); err != nil {
		return err
	}
	for _, s := range g.shelves {
		wanted := s.open && !s.due()
		if wanted && s.codes != (codes{}) {
			g.recode(s.Name, s.codes.key)
		}
		var leaves []receipt.Leaf
		for _, p := range s.pages {
			if err := g.readPage(ctx, s.Tenant, p); err != nil {
				return err
			}
			for i := range p.entries {
				leaves = append(leaves, s.leaf(p.entries[i]))
				if !wanted || forget[s.handle(p.entries[i].person)] {
					continue
				}
				if err := g.readRecord(ctx, s.Tenant, &p.entries[i], o.Load); err != nil {
					return err
				}
			}
		}
		s.tree = receipt.NewTree(leaves)
		if s.tree.Root() != s.root {
			return fmt.Errorf("tenant %s: %w: its records have another root than the head says", s.Name, ErrAltered)
		}
	}
	return nil
}

// begin lets a gallery begin at epoch 0, or a restore of another platform's.
func (g *Gallery) begin(ctx context.Context, restore bool) error {
	err := g.checkEmpty(ctx)
	if errors.Is(err, ErrForeign) && restore {
		g.importing = newRef(0).Key
		return nil
	}
	return err
}

// checkEmpty lets a gallery begin at epoch 0. The heads of the first settling
// may lie there, if it was interrupted; anything else belongs to a platform
// whose counter and keys are not these, and is not to be buried under a new one.
func (g *Gallery) checkEmpty(ctx context.Context) error {
	return g.keys(ctx, func(name string) error {
		if name != headName(1) && name != headName(2) {
			return fmt.Errorf("%w: %s", ErrForeign, name)
		}
		return nil
	})
}

// readHead opens the one head that the platform lets open.
func (g *Gallery) readHead(ctx context.Context) error {
	b, found, err := g.blobs.Get(ctx, headName(g.epoch))
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: epoch %d", ErrRolledBack, g.epoch)
	}
	f, err := decodeHead(b, g.epoch)
	if err != nil {
		return fmt.Errorf("head of epoch %d: %w", g.epoch, err)
	}
	var plain []byte
	memory.Erasing(func() { plain, err = g.unsealHead(ctx, f) })
	if err != nil {
		return fmt.Errorf("head of epoch %d: %w", g.epoch, err)
	}
	defer clear(plain)
	if g.shelves, g.importing, err = decodeContent(plain); err != nil {
		return fmt.Errorf("head of epoch %d: %w", g.epoch, err)
	}
	g.current = []string{headName(g.epoch), recovery.Name(g.epoch)}
	return nil
}

// unsealHead decrypts the head's content, which the caller clears.
func (g *Gallery) unsealHead(ctx context.Context, f headForm) ([]byte, error) {
	secret, err := g.sealer.Unseal(ctx, g.epoch, f.Sealed)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	if len(secret) != len(key{}) {
		return nil, fmt.Errorf("%w: sealed key of %d bytes", ErrAltered, len(secret))
	}
	kek := key(secret)
	defer clear(kek[:])
	return unshut(kek, binding(kindHead, Tenant{}, blobID{}, g.epoch), f.Box)
}

// newShelf is the shelf of a tenant that has nobody yet.
func newShelf(t Tenant) *shelf {
	s := &shelf{Tenant: Tenant{Name: t.Name, Operator: t.Operator}, signing: newRef(0).Key}
	s.root = s.tree.Root()
	return s
}

// admit adds shelves for new tenants and refuses a tenant whose gallery was
// made for another operator.
func (g *Gallery) admit(tenants []Tenant) error {
	for i, t := range tenants {
		if err := wire.CheckTenant(t.Name); err != nil {
			return err
		}
		if slices.ContainsFunc(tenants[:i], func(o Tenant) bool { return o.Name == t.Name }) {
			return fmt.Errorf("tenant %s is given twice", t.Name)
		}
		s := find(g.shelves, t.Name)
		switch {
		case s == nil:
			s = newShelf(t)
			g.shelves = append(g.shelves, s)
		case s.Operator != t.Operator:
			return fmt.Errorf("tenant %s: %w", t.Name, ErrOperator)
		}
		s.open = true
		if err := errors.Join(s.entrust(t.Recovery), s.order(t.Renewal)); err != nil {
			return fmt.Errorf("tenant %s: %w", t.Name, err)
		}
	}
	if len(g.shelves) > MaxTenants {
		return fmt.Errorf("%d tenants, at most %d", len(g.shelves), MaxTenants)
	}
	slices.SortFunc(g.shelves, func(a, b *shelf) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// fetch gets the blob that r points to and decrypts it.
func (g *Gallery) fetch(ctx context.Context, k kind, t Tenant, r *ref) ([]byte, error) {
	box, found, err := g.blobs.Get(ctx, r.name(k))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%s %x of epoch %d: %w", k, r.ID[:4], r.Epoch, ErrMissing)
	}
	return r.open(k, t, box)
}

func (g *Gallery) readPage(ctx context.Context, t Tenant, p *page) error {
	plain, err := g.fetch(ctx, kindPage, t, &p.ref)
	if err != nil {
		return err
	}
	defer clear(plain)
	p.entries, err = decodePage(plain)
	return err
}

func (g *Gallery) readRecord(ctx context.Context, t Tenant, e *entry, load func(string, *Record) error) error {
	plain, err := g.fetch(ctx, kindRecord, t, &e.ref)
	if err != nil {
		return err
	}
	defer clear(plain)
	r, err := decodeRecord(plain)
	if err != nil {
		return err
	}
	defer r.Wipe()
	if r.Person != e.person {
		return fmt.Errorf("%s %x: %w", kindRecord, e.ref.ID[:4], ErrAltered)
	}
	return load(t.Name, r)
}

// maxCollect bounds what one start deletes.
const maxCollect = 1 << 16

// collect deletes what an interrupted change left in the store.
func (g *Gallery) collect(ctx context.Context) error {
	live := map[string]bool{}
	for _, name := range g.current {
		live[name] = true
	}
	for _, s := range g.shelves {
		for _, p := range s.pages {
			live[p.ref.name(kindPage)] = true
			for i := range p.entries {
				live[p.entries[i].ref.name(kindRecord)] = true
			}
		}
	}
	err := g.keys(ctx, func(name string) error {
		if !live[name] && len(g.litter) < maxCollect {
			g.litter = append(g.litter, name)
		}
		return nil
	})
	g.sweep(ctx, nil)
	return err
}

// maxListed bounds how many keys a host can make the vault look at.
const maxListed = 4 * MaxTenants * MaxPeople

// keys calls f with every key in the store that can be the gallery's.
func (g *Gallery) keys(ctx context.Context, f func(string) error) error {
	seen := 0
	for _, k := range []kind{kindHead, kindPage, kindRecord, kindEscrow} {
		prefix, after := string(k)+"/", ""
		for more := true; more; {
			var names []string
			var err error
			if names, more, err = g.blobs.List(ctx, prefix, after); err != nil {
				return err
			}
			if more && len(names) == 0 {
				return fmt.Errorf("list %s: %w: more after nothing", prefix, ErrAltered)
			}
			for _, name := range names {
				if seen++; seen > maxListed || name <= after || !strings.HasPrefix(name, prefix) {
					return fmt.Errorf("list %s: %w: keys without end or order", prefix, ErrAltered)
				}
				if err := f(name); err != nil {
					return err
				}
				after = name
			}
		}
	}
	return nil
}
