package catalog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"volar/firmware/update/catalog"
	"volar/firmware/update/publish"
)

// What a unit picks: the highest serial above its own, for its board, as a
// delta where there is one for what it runs.
func TestNewest(t *testing.T) {
	s := newSite(t)
	s.want(s.dir, "")
	s.add("test", "0.9.0", 9, 0)
	s.add("test", "1.0.0", 10, 0)
	s.add("other", "9.0.0", 90, 0)
	s.want(s.dir, "")
	s.add("test", "1.1.0", 11, 0)
	s.want(s.dir, "test/1.1.0.full")
	s.add("test", "1.2.0", 12, 9)
	s.want(s.dir, "test/1.1.0.full") // a delta of another system is of no use
	s.add("test", "1.2.0", 12, 10)
	s.want(s.dir, "test/1.2.0.from-10")
	s.add("test", "1.3.0", 13, 0)
	s.want(s.dir, "test/1.3.0.full")
	if err := s.repo.Withdraw("test/1.3.0.full"); err != nil {
		t.Fatal(err)
	}
	s.reopen()
	s.want(s.dir, "test/1.2.0.from-10")
}

// A host that shows an older catalogue, in whole or in part, is refused.
func TestRollback(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	old := s.copyOf()
	s.add("test", "1.2.0", 12, 0)
	s.want(s.dir, "test/1.2.0.full")
	s.refuses(old, catalog.ErrRefused)
	s.want(s.dir, "test/1.2.0.full") // and nothing is broken by it
	old = s.copyOf()
	if err := s.repo.Refresh(); err != nil {
		t.Fatal(err)
	}
	s.want(s.dir, "test/1.2.0.full")
	s.refuses(old, catalog.ErrRefused) // the same list, and an older word that it is current
}

// Parts of two catalogues do not go together, though each is rightly signed.
func TestMixAndMatch(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	old := s.copyOf()
	s.add("test", "1.2.0", 12, 0)
	for _, mix := range [][2]string{{"2.snapshot.json", "3.snapshot.json"}, {"2.targets.json", "3.targets.json"}} {
		mixed := s.copyOf()
		copyFile(t, filepath.Join(old, "metadata", mix[0]), filepath.Join(mixed, "metadata", mix[1]))
		s.store = newMemory()
		s.refuses(mixed, catalog.ErrRefused)
	}
	// The same version, signed twice: a snapshot of another day under a timestamp of today.
	s.store = newMemory()
	s.want(s.dir, "test/1.2.0.full")
}

// A host that shows the same catalogue for ever is found out when it
// expires, and a clock that is set back does not help it.
func TestFreeze(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	s.want(s.dir, "test/1.1.0.full")
	s.now = start.Add(13 * 24 * time.Hour)
	s.want(s.dir, "test/1.1.0.full")
	frozen := s.copyOf()
	s.now = start.Add(15 * 24 * time.Hour)
	s.refuses(frozen, catalog.ErrExpired)

	s.reopen()
	if err := s.repo.Refresh(); err != nil {
		t.Fatal(err)
	}
	s.want(s.dir, "test/1.1.0.full")
	s.now = start // a clock without a battery
	s.want(s.dir, "test/1.1.0.full")
	s.refuses(frozen, catalog.ErrRefused)

	// What a unit has once known to be over stays over, though its clock goes back.
	s.store = newMemory()
	s.now = start.Add(20 * 24 * time.Hour)
	s.want(s.dir, "test/1.1.0.full")
	s.now = start.Add(-5 * 24 * time.Hour)
	s.reopen()
	if err := s.repo.Refresh(); err != nil { // newer, and valid for nine days of the former month
		t.Fatal(err)
	}
	s.refuses(s.dir, catalog.ErrExpired)

	other := newMemory() // a unit that never saw anything later
	s.store = other
	s.now = start.Add(15 * 24 * time.Hour)
	s.refuses(frozen, catalog.ErrExpired)
}

// A year of daily refreshes: every signature that expires is renewed in time.
func TestYear(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	for day := range 170 { // then targets must be signed by whoever has their key
		s.now = start.Add(time.Duration(day) * 24 * time.Hour)
		s.reopen()
		s.keys = publish.Keys{metadata.SNAPSHOT: s.keys[metadata.SNAPSHOT], metadata.TIMESTAMP: s.keys[metadata.TIMESTAMP]}
		if err := s.repo.Refresh(); err != nil {
			t.Fatalf("day %d: %v", day, err)
		}
		if day%10 == 0 {
			s.want(s.dir, "test/1.1.0.full")
		}
	}
}

// Keys are replaced; units follow, and what the former keys sign is refused.
func TestRotation(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	s.want(s.dir, "test/1.1.0.full")
	stolen := s.copyOf()
	old := publish.Keys{}
	for role, k := range s.keys {
		old[role] = k
	}
	if err := s.repo.Rotate(keys(20)); err != nil {
		t.Fatal(err)
	}
	s.want(s.dir, "test/1.1.0.full")
	s.reopen()
	s.add("test", "1.2.0", 12, 0)
	s.want(s.dir, "test/1.2.0.full")
	if got := string(s.store.m["catalog.root"]); !strings.Contains(got, `"version":2`) {
		t.Errorf("the unit's root is %.200s", got)
	}

	// A thief with all four former keys, the root's among them, goes on from the former state.
	thief, err := publish.Open(stolen, old, s.now)
	if err != nil {
		t.Fatal(err)
	}
	file := s.bundle("test", "6.6.6", 666, 0)
	for range 5 {
		if err := thief.Refresh(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := thief.Add(file, release.Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	s.refuses(stolen, catalog.ErrRefused)

	s.want(s.dir, "test/1.2.0.full")
}

// A root that the one before does not vouch for is refused, also where the
// release key names it: a unit that has a root looks at no anchor.
func TestForeignRoot(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	s.want(s.dir, "test/1.1.0.full")
	foreign := filepath.Join(t.TempDir(), "foreign")
	repo, err := publish.Init(foreign, keys(30), release, s.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Add(s.bundle("test", "6.6.6", 666, 0), release.Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	s.refuses(foreign, catalog.ErrRefused)
	if err := repo.Rotate(keys(40)); err != nil {
		t.Fatal(err)
	}
	s.refuses(foreign, catalog.ErrRefused)
	s.store = newMemory() // whoever has no root yet believes the release key
	s.want(foreign, "test/6.6.6.full")
	s.store = newMemory()
	copyFile(t, filepath.Join(s.dir, "metadata", "anchor.cose"), filepath.Join(foreign, "metadata", "anchor.cose"))
	s.refuses(foreign, catalog.ErrRefused)
}

// Every bit of every file of metadata counts.
func TestChangedMetadata(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	for _, name := range []string{"anchor.cose", "1.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"} {
		path := filepath.Join(s.dir, "metadata", name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(good)/60)
		for at := 0; at < len(good); at += step {
			bad := bytes.Clone(good)
			bad[at] ^= 4
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			s.store = newMemory()
			if got, err := s.newest(s.dir); err == nil {
				t.Errorf("%s with byte %d changed from %q to %q: %q", name, at, good[at], bad[at], got)
			}
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.store = newMemory()
	s.want(s.dir, "test/1.1.0.full")
}

// Holders of online keys can sign nonsense; process 1 does not fall over it.
func TestSignedNonsense(t *testing.T) {
	for name, meta := range map[string]string{"no": `{}`, "null": `{"%s":null}`, "empty": `{"%s":{}}`, "below zero": `{"%s":{"version":-1}}`} {
		for role, of := range map[string]string{metadata.TIMESTAMP: "snapshot.json", metadata.SNAPSHOT: "targets.json"} {
			for _, seen := range []bool{false, true} {
				s := newSite(t)
				if seen {
					s.want(s.dir, "")
				}
				s.nonsense(role, strings.ReplaceAll(meta, "%s", of))
				if got, err := s.newest(s.dir); err == nil {
					t.Errorf("%s entry of %s in %s: %q", name, of, role, got)
				}
			}
		}
	}
}

// nonsense publishes metadata of a role with the given "meta", rightly signed.
func (s *site) nonsense(role, meta string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "metadata", "timestamp.json")
	if role == metadata.SNAPSHOT {
		file = filepath.Join(s.dir, "metadata", "2.snapshot.json")
	}
	signed := fmt.Sprintf(`{"_type":%q,"expires":"2027-01-01T00:00:00Z","meta":%s,"spec_version":"1.0.31","version":2}`, role, meta)
	b := s.sign(role, signed)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		s.t.Fatal(err)
	}
	if role == metadata.SNAPSHOT {
		sum := sha256.Sum256(b)
		s.nonsense(metadata.TIMESTAMP, fmt.Sprintf(`{"snapshot.json":{"hashes":{"sha256":"%x"},"length":%d,"version":2}}`, sum, len(b)))
	}
}

// sign makes metadata of text that is canonical JSON.
func (s *site) sign(role, text string) []byte {
	s.t.Helper()
	k, err := metadata.KeyFromPublicKey(s.keys[role].Public())
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := k.ID()
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Appendf(nil, `{"signatures":[{"keyid":%q,"sig":"%x"}],"signed":%s}`, id, ed25519.Sign(s.keys[role], []byte(text)), text)
}

// A store that fails at any moment leaves a unit that goes on later.
func TestStoreFails(t *testing.T) {
	for fail := 1; ; fail++ {
		s := newSite(t)
		s.add("test", "1.1.0", 11, 0)
		s.store.fail = fail
		_, err := s.newest(s.dir)
		if err == nil {
			if fail < 5 {
				t.Errorf("only %d values are kept", fail-1)
			}
			return
		}
		s.add("test", "1.2.0", 12, 0)
		s.want(s.dir, "test/1.2.0.full")
	}
}

// endless is a host that never stops sending.
type endless struct{ folder }

func (e endless) Open(ctx context.Context, name string, from int64) (io.ReadCloser, error) {
	r, err := e.folder.Open(ctx, name, from)
	if err != nil || !strings.Contains(name, "timestamp") {
		return r, err
	}
	return io.NopCloser(io.MultiReader(r, forever{})), nil
}

type forever struct{}

func (forever) Read(b []byte) (int, error) { return len(b), nil }

func TestEndless(t *testing.T) {
	s := newSite(t)
	if err := s.unit().Refresh(t.Context(), endless{folder(s.dir)}); !errors.Is(err, catalog.ErrRefused) {
		t.Errorf("a file without an end: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := catalog.New(catalog.Config{}); err == nil {
		t.Error("the zero Config is taken")
	}
}

// A version is published once, and no bundle of another key at all.
func TestAddRefuses(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	if _, err := s.repo.Add(s.bundle("test", "1.1.0", 12, 0), release.Public().(ed25519.PublicKey)); err == nil {
		t.Error("a version was published twice")
	}
	file := s.bundle("test", "1.2.0", 12, 0)
	if _, err := s.repo.Add(file, key(9).Public().(ed25519.PublicKey)); err == nil {
		t.Error("a bundle of another key was published")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.repo.Add(file, release.Public().(ed25519.PublicKey)); err == nil {
		t.Error("a damaged bundle was published")
	}
	if _, err := publish.Init(s.dir, s.keys, release, s.now); err == nil {
		t.Error("a repository was made over another")
	}
	if err := s.repo.Withdraw("test/9"); err == nil {
		t.Error("what is not there was withdrawn")
	}
	s.keys = publish.Keys{}
	s.reopen()
	if err := s.repo.Refresh(); err == nil {
		t.Error("signed without a key")
	}
}

// Publishing that was cut before its last file leaves the former catalogue,
// and is done again over what it left.
func TestCutWhilePublishing(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	former := s.copyOf()
	s.add("test", "1.2.0", 12, 0)
	copyFile(t, filepath.Join(former, "metadata", "timestamp.json"), filepath.Join(s.dir, "metadata", "timestamp.json"))
	s.want(s.dir, "test/1.1.0.full")
	s.reopen()
	s.add("test", "1.3.0", 13, 0)
	s.want(s.dir, "test/1.3.0.full")
	if n := len(s.repo.Bundles()); n != 2 {
		t.Errorf("%d bundles are published", n)
	}
}

// What units do not understand in a list does not keep them from the rest.
func TestForeignTargets(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	custom := json.RawMessage(`{"board":"test","serial":99,"manifest":"zz"}`)
	for path, f := range map[string]*metadata.TargetFiles{"readme.txt": {Length: 1}, "test/../x": {Length: 1, Custom: &custom}, "test/bad": {Length: 1, Custom: &custom}} {
		f.Hashes = metadata.Hashes{"sha256": make([]byte, 32)}
		s.repo.Bundles()[path] = f
	}
	s.add("test", "1.2.0", 12, 0)
	s.want(s.dir, "test/1.2.0.full")
}
