package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"volar/wire/bundle"
)

// Taker takes bundles, as *update.Updater does.
type Taker interface {
	Offer(ctx context.Context, manifest []byte) (have int64, err error)
	Block(ctx context.Context, at int64, b []byte) error
}

// block is how many bytes are handed over at a time.
const block = 64 << 10

// Fetch offers a bundle of the catalogue to the unit and brings the bytes
// that it does not have yet. It may be called again after it broke off.
func (c *Catalog) Fetch(ctx context.Context, from Source, b Bundle, to Taker) error {
	if err := c.fetch(ctx, from, b, to); err != nil {
		return fmt.Errorf("catalog: fetch %s: %w", b.Path, err)
	}
	return nil
}

func (c *Catalog) fetch(ctx context.Context, from Source, b Bundle, to Taker) error {
	manifest, err := head(ctx, from, b)
	if err != nil {
		return err
	}
	have, err := to.Offer(ctx, manifest)
	if err != nil {
		return err
	}
	begin := bundle.HeadSize(manifest)
	size := b.Size - begin
	if have >= size {
		return nil
	}
	r, err := from.Open(ctx, b.File(), begin+have)
	if err != nil {
		return err
	}
	defer r.Close()
	for buffer := make([]byte, block); have < size; {
		n, err := io.ReadFull(r, buffer[:min(block, size-have)])
		if n > 0 {
			if err := to.Block(ctx, have, buffer[:n]); err != nil {
				return err
			}
			have += int64(n)
		}
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", have, size, err)
		}
	}
	return nil
}

// head reads the signed manifest, which is the one that the catalogue names
// or none: another bundle of the release key is not taken in its place.
func head(ctx context.Context, from Source, b Bundle) ([]byte, error) {
	r, err := from.Open(ctx, b.File(), 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	manifest, err := bundle.Head(r)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(manifest) != b.Manifest {
		return nil, fmt.Errorf("%w: the file is another bundle", ErrRefused)
	}
	return manifest, nil
}

// Times of Follow.
const (
	every = time.Hour        // a unit asks
	again = 30 * time.Second // and first asks again after something went wrong; twice as long each time, up to every
)

// Follow asks for newer bundles from time to time and fetches them, until ctx
// ends. What goes wrong is logged and tried again, ever less often: the host
// may be away for days.
func (c *Catalog) Follow(ctx context.Context, from Source, to Taker, log *slog.Logger) {
	for wait := again; ; {
		fetched, err := c.once(ctx, from, to)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("no newer system could be fetched", "error", err, "again", wait)
			wait = min(2*wait, every)
		default:
			wait = every
			if fetched != "" {
				log.Info("a newer system was fetched", "bundle", fetched)
			}
		}
		t := time.NewTimer(wait + rand.N(wait/8)) // not all units at once
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// once asks once.
func (c *Catalog) once(ctx context.Context, from Source, to Taker) (fetched string, err error) {
	if err := c.Refresh(ctx, from); err != nil {
		return "", err
	}
	b, ok := c.Newest()
	if !ok {
		return "", nil
	}
	err = c.Fetch(ctx, from, b, to)
	if errors.Is(err, io.ErrUnexpectedEOF) { // the connection broke off; go on where it did
		err = c.Fetch(ctx, from, b, to)
	}
	return b.Path, err
}
