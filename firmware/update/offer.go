package update

import (
	"context"
	"errors"
	"fmt"

	"volar/wire/bootstate"
	"volar/wire/bundle"
)

// Why a bundle is refused, beside what package bundle says.
var (
	ErrBusy  = errors.New("another update is being installed")
	ErrBoard = errors.New("the bundle is for another board")
	ErrOld   = errors.New("the bundle is not newer than what runs")
	ErrFloor = errors.New("the bundle is below the floor")
	ErrSpace = errors.New("the bundle does not fit")
	ErrCame  = errors.New("the bundle was tried and came back before")
	ErrOrder = errors.New("the bytes are out of order")
)

// MaxBlock is the longest piece that Block takes, in bytes.
const MaxBlock = 64 << 10

// Offer gives the unit a signed manifest. Where the unit wants the bundle it
// tells how many bytes of its payload it has: all of them arrive through
// Block, from there on. Anybody may bring them.
func (u *Updater) Offer(ctx context.Context, manifest []byte) (have int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m, err := bundle.Open(manifest, u.cfg.Key)
	if err != nil {
		return 0, fmt.Errorf("update: offer: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rec.State > Idle && string(manifest) == string(u.rec.Manifest) {
		return u.have, nil
	}
	if u.rec.State != Idle && u.rec.State != Fetch {
		return 0, fmt.Errorf("update: offer of %s: %w: %v", m.Name, ErrBusy, u.rec.State)
	}
	if err := u.wanted(m, manifest); err != nil {
		return 0, fmt.Errorf("update: offer of %s: %w", m.Name, err)
	}
	if err := u.cfg.Staging.Reset(); err != nil { // before the record: bytes never belong to another manifest
		return 0, fmt.Errorf("update: offer of %s: %w", m.Name, err)
	}
	rec := record{Target: bootstate.Other(u.cfg.Slots.Running()), Manifest: manifest, OldFloor: u.cfg.Release.Floor, Last: u.rec.Last, Failures: u.rec.Failures}
	rec.State, _ = next(u.rec.State, Offered)
	if err := rec.save(u.cfg.Store); err != nil {
		return 0, err
	}
	u.rec, u.manifest, u.have = rec, m, 0
	u.poke()
	u.cfg.Log.Info("an update is offered", "version", m.Name, "serial", m.Serial, "delta", m.Delta(), "bytes", m.Payload())
	return 0, nil
}

// wanted says whether the unit may and can install a bundle.
func (u *Updater) wanted(m *bundle.Manifest, manifest []byte) error {
	r := u.cfg.Release
	floor, err := u.cfg.Counter.Value()
	if err != nil {
		return err
	}
	boot, err := u.cfg.Slots.State()
	if err != nil {
		return err
	}
	switch {
	case m.Board != r.Board:
		return fmt.Errorf("%w: %s, this is %s", ErrBoard, m.Board, r.Board)
	case m.Serial <= r.Serial:
		return fmt.Errorf("%w: serial %d, what runs has %d", ErrOld, m.Serial, r.Serial)
	case m.Floor < max(floor, r.Floor):
		return fmt.Errorf("%w: %d, the unit's is %d", ErrFloor, m.Floor, max(floor, r.Floor))
	case m.Delta() && m.From != r.Serial:
		return fmt.Errorf("%w: serial %d, what runs has %d", bundle.ErrBase, m.From, r.Serial)
	case u.rec.times(id(manifest)) >= maxFailures:
		return fmt.Errorf("%w: %d times", ErrCame, maxFailures)
	case boot.Of(u.cfg.Slots.Running()).Status != bootstate.Good:
		return fmt.Errorf("%w: the running slot is %v", ErrBusy, boot.Of(u.cfg.Slots.Running()).Status)
	}
	return u.fits(m)
}

// fits says whether there is room for a bundle, in the slot and while it is fetched.
func (u *Updater) fits(m *bundle.Manifest) error {
	for i, p := range m.Parts {
		r, done, err := u.cfg.Slots.Read(bootstate.Other(u.cfg.Slots.Running()), bundle.Names[i])
		if err != nil {
			return err
		}
		if err := done(); err != nil {
			return err
		}
		if p.Size > uint64(r.Size()) {
			return fmt.Errorf("%w: %s has %d bytes, its partition %d", ErrSpace, bundle.Names[i], p.Size, r.Size())
		}
	}
	room, err := u.cfg.Staging.Room()
	if err != nil {
		return err
	}
	if u.have+room < m.Payload() {
		return fmt.Errorf("%w: %d bytes, room for %d", ErrSpace, m.Payload(), u.have+room)
	}
	return nil
}

// Block gives the unit bytes of the payload that was offered, at most
// MaxBlock, from at on. Bytes that it has are passed over, so a block may be
// given twice; after a gap it is ErrOrder.
func (u *Updater) Block(ctx context.Context, at int64, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rec.State != Fetch {
		if u.rec.State > Fetch && u.manifest != nil && at >= 0 && at+int64(len(b)) <= u.manifest.Payload() {
			return nil // the last block, once more
		}
		return fmt.Errorf("update: block: nothing is being fetched: the update is %v", u.rec.State)
	}
	end := at + int64(len(b))
	switch {
	case len(b) > MaxBlock:
		return fmt.Errorf("update: block of %d bytes, at most %d", len(b), MaxBlock)
	case at < 0 || at > u.have:
		return fmt.Errorf("update: block at %d: %w: the unit has %d", at, ErrOrder, u.have)
	case end > u.manifest.Payload():
		return fmt.Errorf("update: block at %d of %d bytes: the bundle has %d", at, len(b), u.manifest.Payload())
	case end <= u.have:
		return nil
	}
	if err := u.cfg.Staging.Append(b[u.have-at:]); err != nil {
		u.recount()
		return fmt.Errorf("update: keep block at %d: %w", at, err)
	}
	if u.have = end; u.have == u.manifest.Payload() {
		u.poke()
	}
	return nil
}

// recount asks how much is there after something went wrong.
func (u *Updater) recount() {
	if n, err := u.cfg.Staging.Size(); err == nil {
		u.have = n
	}
}

// poke wakes Run up.
func (u *Updater) poke() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}
