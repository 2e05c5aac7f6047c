package catalog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volar/firmware/update/catalog"
	"volar/firmware/update/publish"
)

// planted is a repository in memory in which one file has other bytes.
type planted struct {
	files map[string][]byte
	name  string
	b     []byte
}

func (p planted) Open(_ context.Context, name string, _ int64) (io.ReadCloser, error) {
	name = strings.TrimPrefix(name, "metadata/")
	b, ok := p.files[name]
	if name == p.name {
		b, ok = p.b, true
	}
	if !ok {
		return nil, catalog.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// FuzzRefresh: nobody but the holder of a key changes what a unit reads.
func FuzzRefresh(f *testing.F) {
	dir := f.TempDir()
	if _, err := publish.Init(dir, keys(10), release, start); err != nil {
		f.Fatal(err)
	}
	names := []string{"anchor.cose", "1.root.json", "2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"}
	known := map[string][]byte{}
	for i, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, "metadata", name))
		if err != nil { // 2.root.json
			continue
		}
		known[name] = b
		f.Add(b, byte(i))
		f.Add(b, byte(i+1))
	}
	f.Fuzz(func(t *testing.T, b []byte, which byte) {
		name := names[int(which)%len(names)]
		store := newMemory()
		c, err := catalog.New(catalog.Config{Release: runs, Key: release.Public().(ed25519.PublicKey), Store: store, Now: func() time.Time { return start }})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(t.Context(), planted{known, name, b}); err == nil && !bytes.Equal(b, known[name]) && !same(store, known) {
			t.Errorf("%s with other bytes is taken: %q", name, b)
		}
	})
}

// same says whether what the unit keeps is what was published: metadata may
// be written in more than one way, and means the same.
func same(store *memory, known map[string][]byte) bool {
	return bytes.Equal(store.m["catalog.snapshot"], known["1.snapshot.json"]) && bytes.Equal(store.m["catalog.targets"], known["1.targets.json"])
}
