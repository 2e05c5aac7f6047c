package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"volar/sim/attack"
	"volar/sim/palm"
	"volar/wire"
)

// padStore keeps units on disk, a file each, so that a run that was stopped
// goes on and another judge is measured without drawing anything again.
// Units belong to a print: a hash of what simulator, attacks and the device's chain make of a few
// presentations today.
type padStore struct {
	dir   string
	print string
}

func openPadStore(ctx context.Context, dir string) (*padStore, error) {
	print, err := padPrint(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("palmsim: pad: open cache: %w", err)
	}
	return &padStore{dir, print}, nil
}

// padPrint presents every species once, and a living hand in each condition.
func padPrint(ctx context.Context) (string, error) {
	s := newPadStudio()
	h := sha256.New()
	u := padUnit{}
	rng := rand.New(rand.NewPCG(1, 1))
	a, b := palm.New(7, 1, wire.Left), palm.New(7, 2, wire.Left)
	for _, c := range []palm.Condition{{}, {Cold: 1}, {Oil: 1}, {Ring: true, Plaster: true}} {
		r, err := s.living(ctx, rng, a, c)
		if err != nil {
			return "", err
		}
		u.Records = append(u.Records, r)
	}
	for i, species := range attack.All {
		scene := attack.New(species, a, b, uint64(i)).Scene(s.renderer, arrival)
		r, err := s.present(ctx, rng, scene.Shoot)
		if err != nil {
			return "", err
		}
		u.Records = append(u.Records, r)
	}
	for _, r := range u.Records {
		fmt.Fprintf(h, "%d %d %s\n", len(r.Sample), len(r.Refused), r.Refused)
		h.Write(r.Sample)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

func (p *padStore) path(k padKey) string {
	return filepath.Join(p.dir, fmt.Sprintf("pad-%s-%d-%d-%d.zst", p.print, k.seed, k.living, k.number))
}

// has tells whether a unit is there whole.
func (p *padStore) has(k padKey) bool {
	_, err := os.Stat(p.path(k))
	return err == nil
}

// read gives a unit.
func (p *padStore) read(k padKey) (u padUnit, err error) {
	f, err := os.Open(p.path(k))
	if err != nil {
		return u, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return u, err
	}
	defer z.Close()
	if err := gob.NewDecoder(io.LimitReader(z, 128<<20)).Decode(&u); err != nil {
		return u, fmt.Errorf("palmsim: pad: %s is damaged, delete it: %w", f.Name(), err)
	}
	return u, nil
}

// write puts a unit in place, whole or not at all.
func (p *padStore) write(k padKey, u *padUnit) error {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err == nil {
		err = errors.Join(gob.NewEncoder(z).Encode(u), z.Close())
	}
	if err == nil {
		err = os.WriteFile(p.path(k)+".part", b.Bytes(), 0o600)
	}
	if err == nil {
		err = os.Rename(p.path(k)+".part", p.path(k))
	}
	if err != nil {
		return fmt.Errorf("palmsim: pad: keep a unit: %w", err)
	}
	return nil
}

// fill makes the units that are missing, several at once.
func (p *padStore) fill(ctx context.Context, keys []padKey, workers int, tell io.Writer) error {
	var missing []padKey
	for _, k := range keys {
		if !p.has(k) {
			missing = append(missing, k)
		}
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	bar := newProgress(tell, "people presented", len(missing))
	var lock sync.Mutex
	todo := make(chan padKey)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(todo)
		for _, k := range missing {
			select {
			case todo <- k:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			s := newPadStudio()
			for k := range todo {
				u, err := s.unit(ctx, k)
				if err == nil {
					err = p.write(k, &u)
				}
				if err != nil {
					return err
				}
				lock.Lock()
				bar.add(1)
				lock.Unlock()
			}
			return nil
		})
	}
	err := g.Wait()
	bar.end()
	return err
}
