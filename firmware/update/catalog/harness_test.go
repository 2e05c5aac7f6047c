package catalog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"volar/firmware/update"
	"volar/firmware/update/catalog"
	"volar/firmware/update/publish"
	"volar/hal"
	"volar/wire/bundle"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
}

var (
	release = key(1)
	start   = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	runs    = update.Release{Board: "test", Name: "1.0.0", Serial: 10, Floor: 1}
)

func keys(first byte) publish.Keys {
	k := publish.Keys{}
	for i, role := range publish.Roles {
		k[role] = key(first + byte(i))
	}
	return k
}

// folder is a Source in a folder.
type folder string

func (f folder) Open(_ context.Context, name string, from int64) (io.ReadCloser, error) {
	r, err := os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, catalog.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	_, err = r.Seek(from, io.SeekStart)
	return r, err
}

// memory is a store that fails at Put number fail.
type memory struct {
	m          map[string][]byte
	puts, fail int
}

func newMemory() *memory { return &memory{m: map[string][]byte{}} }

func (s *memory) Get(k string) ([]byte, error) {
	if b, ok := s.m[k]; ok {
		return bytes.Clone(b), nil
	}
	return nil, hal.ErrNotFound
}

func (s *memory) Put(k string, b []byte) error {
	if s.puts++; s.puts == s.fail {
		return errors.New("the disk is full")
	}
	s.m[k] = bytes.Clone(b)
	return hal.CheckKey(k)
}

func (s *memory) Delete(k string) error { delete(s.m, k); return nil }

// site is a repository and a unit that reads it.
type site struct {
	t     *testing.T
	dir   string
	repo  *publish.Repository
	keys  publish.Keys
	now   time.Time
	store *memory
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: filepath.Join(t.TempDir(), "repo"), keys: keys(10), now: start, store: newMemory()}
	repo, err := publish.Init(s.dir, s.keys, release, s.now)
	if err != nil {
		t.Fatal(err)
	}
	s.repo = repo
	return s
}

// reopen opens the repository at the site's time.
func (s *site) reopen() {
	s.t.Helper()
	repo, err := publish.Open(s.dir, s.keys, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.repo = repo
}

// bundle makes a bundle file.
func (s *site) bundle(board, name string, serial, from uint64) string {
	s.t.Helper()
	parts := func(n uint64) bundle.System {
		root := make([]byte, 20<<10)
		rand.NewChaCha8([32]byte{1}).Read(root)
		return bundle.System{Serial: n, Parts: [2][]byte{fmt.Appendf(nil, "boot of %d", n), fmt.Appendf(root, "root of %d", n)}}
	}
	var base *bundle.System
	if from != 0 {
		b := parts(from)
		base = &b
	}
	file := filepath.Join(s.t.TempDir(), "bundle")
	f, err := os.Create(file)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := bundle.Make(s.t.Context(), f, release, bundle.Manifest{Board: board, Name: name, Floor: 1}, parts(serial), base, nil); err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *site) add(board, name string, serial, from uint64) catalog.Bundle {
	s.t.Helper()
	b, err := s.repo.Add(s.bundle(board, name, serial, from), release.Public().(ed25519.PublicKey))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// unit is a unit after a restart: what it knows is in its store.
func (s *site) unit() *catalog.Catalog {
	s.t.Helper()
	c, err := catalog.New(catalog.Config{Release: runs, Key: release.Public().(ed25519.PublicKey), Store: s.store, Now: func() time.Time { return s.now }})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// copyOf is the repository as it is now, for a host that shows it later.
func (s *site) copyOf() string {
	s.t.Helper()
	to := s.t.TempDir()
	if err := os.CopyFS(to, os.DirFS(s.dir)); err != nil {
		s.t.Fatal(err)
	}
	return to
}

// newest is the path of the newest bundle in a folder, or an error.
func (s *site) newest(dir string) (string, error) {
	c := s.unit()
	if err := c.Refresh(s.t.Context(), folder(dir)); err != nil {
		return "", err
	}
	b, _ := c.Newest()
	return b.Path, nil
}

func (s *site) want(dir, path string) {
	s.t.Helper()
	if got, err := s.newest(dir); err != nil || got != path {
		s.t.Errorf("the newest is %q, %v, want %q", got, err, path)
	}
}

func (s *site) refuses(dir string, want error) {
	s.t.Helper()
	if got, err := s.newest(dir); !errors.Is(err, want) {
		s.t.Errorf("the newest is %q, %v, want %v", got, err, want)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
