package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"volar/wire/bootstate"
	"volar/wire/bundle"
)

// act does what a state asks for, and tells what came of it and, where that
// is bad, why. An error means that it must be done again; what may fail for
// good is an event. Every act may be done twice.
func (u *Updater) act(ctx context.Context, s State) (e Event, why string, err error) {
	switch s {
	case Fetch:
		return u.fetch(ctx)
	case Trial:
		return u.trial(ctx)
	case Confirm:
		return Confirmed, "", u.cfg.Slots.Confirm()
	case Raise:
		return Raised, "", u.raise(ctx)
	case Back:
		return Cleaned, "", u.back(ctx)
	}
	switch s {
	case Verify:
		e, err = Verified, u.verify()
	case Write:
		e, err = Written, u.write(ctx)
	case Check:
		e, err = u.check(ctx)
	case Seal:
		e, err = Sealed, u.cfg.Seal.SealFor(ctx, u.rec.Target, u.manifest.Parts[0].Hash, u.manifest.Floor)
	case Arm:
		e, err = Armed, u.cfg.Slots.TryOther()
	}
	switch {
	case err == nil:
		return e, "", nil
	case ctx.Err() != nil: // the unit stops; it is done again when it starts
		return NoEvent, "", err
	}
	u.cfg.Log.Error("update cannot go on", "state", s.String(), "error", err)
	return Failed, fmt.Sprintf("%v: %v", s, err), nil
}

// fetch waits until all bytes are here.
func (u *Updater) fetch(ctx context.Context) (Event, string, error) {
	u.mu.Lock()
	all := u.have == u.manifest.Payload()
	u.mu.Unlock()
	if all {
		return Fetched, "", nil
	}
	return NoEvent, "", u.wait(ctx)
}

// verify looks at what was fetched and, for a delta, at what it is to be
// applied to, before the other slot loses what it has.
func (u *Updater) verify() error {
	payload := io.NewSectionReader(u.cfg.Staging, 0, u.manifest.Payload())
	if err := u.manifest.Check(payload); err != nil {
		return err
	}
	if !u.manifest.Delta() {
		return nil
	}
	for i, p := range u.manifest.Parts {
		same, err := u.holds(u.cfg.Slots.Running(), bundle.Names[i], p.BaseSize, p.BaseHash)
		if err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("%s: %w", bundle.Names[i], bundle.ErrBase)
		}
	}
	return nil
}

// holds tells whether the first size bytes of a part of a slot have the hash.
func (u *Updater) holds(slot, name string, size uint64, hash [32]byte) (same bool, err error) {
	part, done, err := u.cfg.Slots.Read(slot, name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, done()) }()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(part, int64(size)))
	if err != nil {
		return false, fmt.Errorf("read %s of slot %s: %w", name, slot, err)
	}
	return uint64(n) == size && [32]byte(h.Sum(nil)) == hash, nil
}

// write fills the other slot.
func (u *Updater) write(ctx context.Context) error {
	if err := u.cfg.Slots.Clear(); err != nil {
		return err
	}
	at := int64(0)
	for i, p := range u.manifest.Parts {
		packed := io.NewSectionReader(u.cfg.Staging, at, int64(p.Packed))
		at += int64(p.Packed)
		if err := u.writePart(ctx, bundle.Names[i], p, packed); err != nil {
			return err
		}
	}
	return nil
}

func (u *Updater) writePart(ctx context.Context, name string, p bundle.Part, packed io.Reader) (err error) {
	base, done, err := u.cfg.Slots.Read(u.cfg.Slots.Running(), name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	return u.cfg.Slots.Write(ctx, name, p.Unpack(packed, base))
}

// check reads the other slot back from the medium.
func (u *Updater) check(context.Context) (Event, error) {
	for i, p := range u.manifest.Parts {
		same, err := u.holds(u.rec.Target, bundle.Names[i], p.Size, p.Hash)
		if err != nil {
			return NoEvent, err
		}
		if same {
			continue
		}
		if u.rec.Rewrites >= maxRewrites {
			return NoEvent, fmt.Errorf("%s of slot %s: what was read back is not what was written, %d times", bundle.Names[i], u.rec.Target, maxRewrites+1)
		}
		return Differs, nil
	}
	return Same, u.cfg.Slots.Ready()
}

// trial asks the new system for its health.
func (u *Updater) trial(ctx context.Context) (Event, string, error) {
	health, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	switch err := u.cfg.Health(health); {
	case err == nil:
		return Healthy, "", nil
	case ctx.Err() != nil: // the unit stops; it is asked again when it starts
		return NoEvent, "", ctx.Err()
	default:
		u.cfg.Log.Error("the new system is not healthy", "error", err)
		return Ill, fmt.Sprintf("the new system was not healthy: %v", err), nil
	}
}

// raise makes the new system's floor that of the unit, and takes a system
// below it out of service.
func (u *Updater) raise(ctx context.Context) error {
	floor := u.cfg.Release.Floor
	now, err := u.cfg.Counter.Value()
	if err != nil {
		return err
	}
	if now < floor {
		if err := u.cfg.Counter.RaiseTo(floor); err != nil {
			return err
		}
	}
	if u.rec.OldFloor < floor {
		if err := u.cfg.Slots.Bad(bootstate.Other(u.cfg.Slots.Running())); err != nil {
			return err
		}
	}
	if err := u.cfg.Seal.Prune(ctx); err != nil {
		return err
	}
	return u.cfg.Staging.Reset()
}

// back takes what is left of a new system out of service.
func (u *Updater) back(ctx context.Context) error {
	boot, err := u.cfg.Slots.State()
	if err != nil {
		return err
	}
	if u.rec.Target != u.cfg.Slots.Running() && boot.Of(u.rec.Target).Status != bootstate.Good { // a good one was not touched yet
		if err := u.cfg.Slots.Clear(); err != nil {
			return err
		}
	}
	if err := u.cfg.Seal.Prune(ctx); err != nil {
		return err
	}
	return u.cfg.Staging.Reset()
}
