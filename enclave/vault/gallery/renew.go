package gallery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"volar/enclave/renewal"
)

// What an order to renew a tenant's codes, or its execution, is refused for.
var (
	ErrRenewal = errors.New("the order to renew its codes is refused")
	ErrPapers  = errors.New("the store does not take the receipts of those who were deleted before")
)

// codes is what a tenant's palms are coded under. The gallery does not know
// how: it keeps the key in the head, where no record is, and hands it to whoever
// codes. The zero codes are the plain ones, without a key.
type codes struct {
	generation uint64
	key        key
}

// order notes which generation of codes the operator wants. It only goes up, as
// that of the recovery key does: a host that configures an older order is refused.
func (s *shelf) order(signed []byte) error {
	if len(signed) == 0 {
		return nil // they stay as they are
	}
	o, err := renewal.Parse(signed, s.Operator[:])
	if err != nil {
		return fmt.Errorf("%w: with the key of operator %x: %w", ErrRenewal, s.Operator[:8], err)
	}
	if o.Tenant != s.Name {
		return fmt.Errorf("%w: it is of tenant %s", ErrRenewal, o.Tenant)
	}
	if o.Generation < s.codes.generation {
		return fmt.Errorf("%w: it is of generation %d, the codes are of %d", ErrRenewal, o.Generation, s.codes.generation)
	}
	s.ordered = o.Generation
	return nil
}

// due says whether the codes are to be renewed.
func (s *shelf) due() bool { return s.ordered > s.codes.generation }

// Renew draws new keys for the codes of the tenants whose operators have ordered
// it. A record has no pixels that another code could be made of, so everybody who is
// enrolled is deleted first, each with a receipt that the store gets; the key
// changes in the epoch that deletes the last. Where this is interrupted,
// those who are gone are gone and the others are as they were; the next start goes
// on. It runs once the gallery is certified, and before anything else is changed.
func (g *Gallery) Renew(ctx context.Context) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	for {
		epoch, shelves, _ := g.state()
		at := slices.IndexFunc(shelves, (*shelf).due)
		if at < 0 {
			return nil
		}
		if err := g.renew(ctx, newDraft(epoch, shelves), at); err != nil {
			return fmt.Errorf("gallery: renew tenant %s: %w", shelves[at].Name, err)
		}
	}
}

// renew deletes as many of a tenant's people as one epoch gives receipts for,
// and draws the key if nobody is left.
func (g *Gallery) renew(ctx context.Context, d *draft, at int) error {
	s := d.shelves[at]
	if len(s.owed) > 0 {
		return ErrPapers // the head has no room for more of them
	}
	var leave []*op
	for _, p := range s.pages {
		for _, e := range p.entries[:min(len(p.entries), maxOwed-len(leave))] {
			leave = append(leave, &op{tenant: s.Name, person: e.person})
		}
	}
	for _, o := range leave {
		if err := g.draft(d, o); err != nil {
			return err
		}
	}
	if s.tree.Len() == 0 {
		s.codes = codes{s.ordered, newRef(0).Key}
		d.touched[s] = true
	}
	if err := g.commit(ctx, d); err != nil {
		return err
	}
	g.certifyAll(ctx, nil)
	if !s.due() {
		g.recode(s.Name, s.codes.key)
	}
	return nil
}
