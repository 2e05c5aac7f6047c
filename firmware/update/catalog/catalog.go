// Package catalog is how a unit learns which bundles there are: metadata of
// The Update Framework (https://theupdateframework.github.io/specification/,
// 1.0.31), which anybody may carry. A host that serves it can hold a unit
// back until the metadata expires, which the unit says; it can neither show
// an older catalogue nor put together parts of two.
//
// The metadata says which bundles are current. Whether one is installed is
// for package update, which believes the release key and the TPM alone.
package catalog

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"volar/firmware/update"
	"volar/hal"
	"volar/wire/signed"
)

// Limits of what is read.
const (
	MaxMetadata = hal.MaxValue // bytes of one file of metadata
	maxRoots    = 64           // root versions that are gone through at once
	maxName     = 128          // bytes of the name of a bundle
)

// Anchor is the file in which the release key names the first root; Purpose
// is what it is signed for. A unit without a root takes no other, and one
// that has a root looks at none.
const (
	Anchor    = "anchor.cose"
	Purpose   = "volar/catalogue/1"
	maxAnchor = 256
)

// Why a catalogue is refused.
var (
	ErrNotFound = errors.New("there is no such file")
	ErrExpired  = errors.New("the metadata has expired")
	ErrRefused  = errors.New("the metadata is refused")
)

// Source is where metadata and bundles come from. It is not trusted.
type Source interface {
	// Open gives the bytes of a file from a given one on; ErrNotFound where
	// there is none. Names are plain paths with slashes.
	Open(ctx context.Context, name string, from int64) (io.ReadCloser, error)
}

// Config is what New needs. All but Now is.
type Config struct {
	Release update.Release
	Key     ed25519.PublicKey // that bundles, and the first root, are signed with
	Store   hal.Store
	Now     func() time.Time // nil is time.Now
}

// Catalog is what a unit knows of the bundles there are.
type Catalog struct {
	cfg     Config
	targets map[string]*metadata.TargetFiles
}

// New makes an empty catalogue. What the unit knew before is in its store.
func New(cfg Config) (*Catalog, error) {
	if len(cfg.Key) != ed25519.PublicKeySize || cfg.Store == nil || cfg.Release.Board == "" {
		return nil, errors.New("catalog: new: no key, store or board")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Catalog{cfg: cfg}, nil
}

// Keys in the unit's store.
const (
	rootKey      = "catalog.root"
	timestampKey = "catalog.timestamp"
	snapshotKey  = "catalog.snapshot"
	targetsKey   = "catalog.targets"
	clockKey     = "catalog.clock"
)

// Refresh reads the catalogue, as section 5 of the specification has it: new
// roots one by one, then timestamp, snapshot, targets. What has been verified
// is kept, so that nothing older is taken later.
func (c *Catalog) Refresh(ctx context.Context, from Source) error {
	if err := c.refresh(ctx, from); err != nil {
		return fmt.Errorf("catalog: refresh: %w", err)
	}
	return nil
}

func (c *Catalog) refresh(ctx context.Context, from Source) (err error) {
	// The library takes entries for granted that a holder of an online key can
	// leave out. This runs in process 1.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: malformed: %v", ErrRefused, p)
		}
	}()
	first, err := c.root(ctx, from)
	if err != nil {
		return err
	}
	trusted, err := trustedmetadata.New(first)
	if err != nil {
		return refused("root", err)
	}
	if trusted.RefTime, err = c.now(); err != nil {
		return err
	}
	for _, step := range []func(context.Context, Source, *trustedmetadata.TrustedMetadata) error{c.roots, c.timestamp, c.snapshot, c.listing} {
		if err := step(ctx, from, trusted); err != nil {
			return err
		}
	}
	c.targets = trusted.Targets[metadata.TARGETS].Signed.Targets
	return c.keepTime(trusted.RefTime)
}

// root is the root that the unit trusts, or the first one, which the release
// key names.
func (c *Catalog) root(ctx context.Context, from Source) ([]byte, error) {
	b, err := c.cfg.Store.Get(rootKey)
	if err == nil || !errors.Is(err, hal.ErrNotFound) {
		return b, err
	}
	anchor, err := read(ctx, from, "metadata/"+Anchor, maxAnchor)
	if err != nil {
		return nil, err
	}
	hash, err := signed.Open(c.cfg.Key, Purpose, anchor)
	if err != nil {
		return nil, refused("anchor", err)
	}
	if b, err = read(ctx, from, "metadata/1.root.json", MaxMetadata); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); string(hash) != string(sum[:]) {
		return nil, refused("1.root.json", errors.New("the release key names another one"))
	}
	return b, c.cfg.Store.Put(rootKey, b)
}

// roots goes from root to root, each of which the one before vouches for.
func (c *Catalog) roots(ctx context.Context, from Source, trusted *trustedmetadata.TrustedMetadata) error {
	for range maxRoots {
		name := fmt.Sprintf("%d.root.json", trusted.Root.Signed.Version+1)
		b, err := read(ctx, from, "metadata/"+name, MaxMetadata)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := trusted.UpdateRoot(b); err != nil {
			return refused(name, err)
		}
		if err := c.cfg.Store.Put(rootKey, b); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: more than %d new roots", ErrRefused, maxRoots)
}

// timestamp reads the file that says which snapshot is current.
func (c *Catalog) timestamp(ctx context.Context, from Source, trusted *trustedmetadata.TrustedMetadata) error {
	if b, err := c.cfg.Store.Get(timestampKey); err == nil {
		_, _ = trusted.UpdateTimestamp(b) // one that a former root signed, or that expired, counts where it is valid
	}
	b, err := read(ctx, from, "metadata/timestamp.json", MaxMetadata)
	if err != nil {
		return err
	}
	_, err = trusted.UpdateTimestamp(b)
	switch {
	case errors.Is(err, &metadata.ErrEqualVersionNumber{}):
		if trusted.Timestamp.Signed.IsExpired(trusted.RefTime) {
			return fmt.Errorf("%w: timestamp, on %s", ErrExpired, trusted.Timestamp.Signed.Expires.Format(time.RFC3339))
		}
		return nil
	case err != nil:
		return refused("timestamp", err)
	}
	return c.cfg.Store.Put(timestampKey, b)
}

// snapshot reads the file that says which targets are current.
func (c *Catalog) snapshot(ctx context.Context, from Source, trusted *trustedmetadata.TrustedMetadata) error {
	if b, err := c.cfg.Store.Get(snapshotKey); err == nil {
		if _, err := trusted.UpdateSnapshot(b, true); err == nil {
			return nil // it is the current one
		}
	}
	name := fmt.Sprintf("%d.snapshot.json", trusted.Timestamp.Signed.Meta["snapshot.json"].Version)
	b, err := read(ctx, from, "metadata/"+name, MaxMetadata)
	if err != nil {
		return err
	}
	if _, err := trusted.UpdateSnapshot(b, false); err != nil {
		return refused(name, err)
	}
	return c.cfg.Store.Put(snapshotKey, b)
}

// listing reads the list of bundles.
func (c *Catalog) listing(ctx context.Context, from Source, trusted *trustedmetadata.TrustedMetadata) error {
	if b, err := c.cfg.Store.Get(targetsKey); err == nil {
		if _, err := trusted.UpdateTargets(b); err == nil {
			return nil // it is the current one
		}
	}
	meta := trusted.Snapshot.Signed.Meta["targets.json"]
	if meta == nil {
		return refused("snapshot", errors.New("names no targets"))
	}
	name := fmt.Sprintf("%d.targets.json", meta.Version)
	b, err := read(ctx, from, "metadata/"+name, MaxMetadata)
	if err != nil {
		return err
	}
	if _, err := trusted.UpdateTargets(b); err != nil {
		return refused(name, err)
	}
	return c.cfg.Store.Put(targetsKey, b)
}

// refused says why metadata is not taken.
func refused(what string, err error) error {
	if errors.Is(err, &metadata.ErrExpiredMetadata{}) {
		return fmt.Errorf("%w: %s: %w", ErrExpired, what, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrRefused, what, err)
}

// read reads a whole file of at most limit bytes.
func read(ctx context.Context, from Source, name string, limit int64) ([]byte, error) {
	r, err := from.Open(ctx, name, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("read %s: %w: more than %d bytes", name, ErrRefused, limit)
	}
	return b, nil
}

// now is the unit's time. It does not go back behind what it was when a
// catalogue was taken: metadata that expired stays expired.
func (c *Catalog) now() (time.Time, error) {
	now := c.cfg.Now().UTC()
	b, err := c.cfg.Store.Get(clockKey)
	if errors.Is(err, hal.ErrNotFound) {
		return now, nil
	}
	if err != nil || len(b) != 8 {
		return now, errors.Join(err, fmt.Errorf("the clock is kept in %d bytes", len(b)))
	}
	if seen := time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC(); seen.After(now) {
		return seen, nil
	}
	return now, nil
}

// keepTime writes the time once an hour.
func (c *Catalog) keepTime(now time.Time) error {
	if b, err := c.cfg.Store.Get(clockKey); err == nil && len(b) == 8 && uint64(now.Unix()) < binary.BigEndian.Uint64(b)+3600 {
		return nil
	}
	return c.cfg.Store.Put(clockKey, binary.BigEndian.AppendUint64(nil, uint64(now.Unix())))
}
