package gallery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"volar/enclave/recovery"
	"volar/wire"
)

// What a restore or a recovery key is refused for.
var (
	ErrRecovery = errors.New("the recovery key is not the operator's, or older than the one that the gallery has")
	ErrGrant    = errors.New("the grant does not lead to a gallery of this tenant")
)

// entrust makes the recovery key that the operator signed the tenant's, from
// the next epoch on. The generation only goes up: a host that configures an
// older key, whose shares should have been destroyed, is refused.
func (s *shelf) entrust(signed []byte) error {
	if len(signed) == 0 {
		return nil // it stays as it is
	}
	next, err := recovery.ParseKey(signed, s.Operator[:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRecovery, err)
	}
	if next.Tenant != s.Name {
		return fmt.Errorf("%w: it is of tenant %s", ErrRecovery, next.Tenant)
	}
	if len(s.Recovery) > 0 {
		now, err := recovery.ParseKey(s.Recovery, s.Operator[:])
		if err != nil {
			return err
		}
		if next.Generation < now.Generation || next.Generation == now.Generation && next.ID() != now.ID() {
			return fmt.Errorf("%w: generation %d, it has %d", ErrRecovery, next.Generation, now.Generation)
		}
	}
	s.Recovery = slices.Clone(signed)
	return nil
}

// escrow is the blob that the share holders of the tenants that have a
// recovery key can open, or none where no tenant has one.
func escrow(epoch uint64, shelves []*shelf) ([]wire.Blob, error) {
	var boxes []recovery.Box
	for _, s := range shelves {
		if len(s.Recovery) == 0 {
			continue
		}
		k, err := recovery.ParseKey(s.Recovery, s.Operator[:])
		if err != nil {
			return nil, err
		}
		body, err := encodeBody(s)
		if err != nil {
			return nil, err
		}
		e := recovery.Escrow{Tenant: s.Name, Operator: s.Operator, Epoch: epoch, People: uint64(s.tree.Len()), Root: s.root, Body: body}
		box, err := e.Seal(k)
		e.Wipe()
		if err != nil {
			return nil, err
		}
		boxes = append(boxes, box)
	}
	if len(boxes) == 0 {
		return nil, nil
	}
	b, err := recovery.EncodeBoxes(epoch, boxes)
	if err != nil {
		return nil, err
	}
	if len(b) > wire.MaxValue {
		return nil, fmt.Errorf("%w: escrow of %d bytes, at most %d", ErrFull, len(b), wire.MaxValue)
	}
	return []wire.Blob{{Key: recovery.Name(epoch), Value: b}}, nil
}

// Importing is the public half of the import key while a restore waits for
// its grants, or nil. Nothing else can be done with such a gallery.
func (g *Gallery) Importing() []byte {
	if g.importing == (key{}) {
		return nil
	}
	s, err := recovery.NewSecret(g.importing[:])
	if err != nil {
		return nil // any 32 bytes make a key
	}
	return s.Public()
}

// Request puts a tenant's request for a grant into the store.
func (g *Gallery) Request(ctx context.Context, tenant string, evidence []byte) error {
	b, err := recovery.Request{Tenant: tenant, Import: g.Importing(), Evidence: evidence}.Marshal()
	if err == nil {
		err = g.blobs.Apply(ctx, []wire.Blob{{Key: recovery.RequestName(tenant), Value: b}}, nil)
	}
	if err != nil {
		return fmt.Errorf("gallery: ask for a grant: %w", err)
	}
	return nil
}

// restore goes on with the restore of another platform's gallery. Until every
// tenant has its grant the gallery stays empty and what lies in the store
// stays as it is: only the import key is sealed, once. Then one change brings
// in all of it, without the people whom the grants say to forget.
func (g *Gallery) restore(ctx context.Context, o Options) error {
	if g.epoch == 0 {
		return g.settle(ctx)
	}
	shelves, forget, err := g.grants(ctx, o.Tenants)
	if err != nil || shelves == nil {
		return err
	}
	if err := g.settle(ctx); err != nil {
		return err
	}
	g.setShelves(shelves)
	if err := g.read(ctx, o, forget); err != nil {
		return err
	}
	d := newDraft(g.epoch, g.shelves)
	for _, s := range d.shelves {
		d.forgetAll(s, forget)
	}
	if err := g.commit(ctx, d); err != nil {
		return err
	}
	clear(g.importing[:])
	for _, t := range o.Tenants {
		g.litter = append(g.litter, recovery.GrantName(t.Name), recovery.RequestName(t.Name))
	}
	return g.collect(ctx)
}

// grants opens the grants of all tenants, or gives nothing while one is missing.
func (g *Gallery) grants(ctx context.Context, tenants []Tenant) (shelves []*shelf, forget map[[32]byte]bool, err error) {
	secret, err := recovery.NewSecret(g.importing[:])
	if err != nil {
		return nil, nil, err
	}
	forget = map[[32]byte]bool{}
	for _, t := range tenants {
		sealed, found, err := g.blobs.Get(ctx, recovery.GrantName(t.Name))
		if err != nil || !found {
			return nil, nil, err
		}
		grant, err := secret.OpenGrant(t.Name, sealed)
		if err != nil {
			return nil, nil, fmt.Errorf("tenant %s: %w", t.Name, err)
		}
		if grant.Operator != t.Operator {
			return nil, nil, fmt.Errorf("tenant %s: %w", t.Name, ErrOperator)
		}
		s := newShelf(t)
		s.root = grant.Root
		err = s.decodeBody(grant.Body)
		grant.Wipe()
		if err != nil {
			return nil, nil, fmt.Errorf("tenant %s: %w: %w", t.Name, ErrGrant, err)
		}
		shelves = append(shelves, s)
		for _, h := range grant.Forget {
			forget[h] = true
		}
	}
	return shelves, forget, nil
}

// forgetAll takes people out of a shelf for whom a receipt was given already.
func (d *draft) forgetAll(s *shelf, handles map[[32]byte]bool) {
	for _, p := range slices.Clone(s.pages) {
		keep := slices.DeleteFunc(slices.Clone(p.entries), func(e entry) bool { return handles[s.handle(e.person)] })
		if len(keep) == len(p.entries) {
			continue
		}
		for _, e := range p.entries {
			if h := s.handle(e.person); handles[h] {
				s.tree = s.tree.Without(h)
				d.drops = append(d.drops, e.ref.name(kindRecord))
			}
		}
		d.own(s, p).entries = keep
		d.touched[s] = true
	}
}
