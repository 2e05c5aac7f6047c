// Package publish makes and keeps a repository of bundles: the folder that a
// host serves and that units read through package catalog. It runs where the
// keys are, which is not the host.
package publish

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"volar/firmware/update/catalog"
	"volar/wire/bundle"
	"volar/wire/signed"
)

// Keys are those of the four roles.
type Keys map[string]ed25519.PrivateKey

// Roles are the names of the keys, in the order of how carefully they are kept.
var Roles = []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP}

// lives is how long what a role signs is valid, when it is signed anew.
var lives = map[string]time.Duration{
	metadata.ROOT:      365 * 24 * time.Hour,
	metadata.TARGETS:   180 * 24 * time.Hour,
	metadata.SNAPSHOT:  60 * 24 * time.Hour,
	metadata.TIMESTAMP: 14 * 24 * time.Hour,
}

// Repository is a folder of metadata and targets. One process at a time may
// change it.
type Repository struct {
	dir  string
	now  time.Time
	keys Keys

	root      *metadata.Metadata[metadata.RootType]
	targets   *metadata.Metadata[metadata.TargetsType]
	snapshot  *metadata.Metadata[metadata.SnapshotType]
	timestamp *metadata.Metadata[metadata.TimestampType]
}

// Init makes an empty repository. The release key names its first root, which
// is how units come to trust it.
func Init(dir string, keys Keys, release ed25519.PrivateKey, now time.Time) (*Repository, error) {
	r := &Repository{dir: dir, now: now.UTC().Truncate(time.Second), keys: keys}
	if err := r.init(release); err != nil {
		return nil, fmt.Errorf("publish: init %s: %w", dir, err)
	}
	return r, nil
}

func (r *Repository) init(release ed25519.PrivateKey) error {
	if _, err := os.Stat(r.path("timestamp.json")); err == nil {
		return errors.New("there is a repository")
	}
	if err := os.MkdirAll(r.path(""), 0o755); err != nil {
		return err
	}
	r.root = metadata.Root(r.expires(metadata.ROOT))
	r.root.Signed.ConsistentSnapshot = true
	for _, role := range Roles {
		key, err := public(r.keys[role])
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		if err := r.root.Signed.AddKey(key, role); err != nil {
			return err
		}
	}
	r.targets = metadata.Targets(r.expires(metadata.TARGETS))
	r.snapshot = metadata.Snapshot(r.expires(metadata.SNAPSHOT))
	r.timestamp = metadata.Timestamp(r.expires(metadata.TIMESTAMP))
	if err := r.writeRoot(r.keys[metadata.ROOT]); err != nil {
		return err
	}
	first, err := os.ReadFile(r.path("1.root.json"))
	if err != nil {
		return err
	}
	hash := sha256.Sum256(first)
	anchor, err := signed.Sign(release, catalog.Purpose, hash[:])
	if err != nil {
		return err
	}
	if err := write(r.path(catalog.Anchor), anchor); err != nil {
		return err
	}
	if err := r.writeTargets(); err != nil {
		return err
	}
	return r.writeSnapshot()
}

// Open reads a repository. Only the keys of the roles that will sign are needed.
func Open(dir string, keys Keys, now time.Time) (*Repository, error) {
	r := &Repository{dir: dir, now: now.UTC().Truncate(time.Second), keys: keys}
	if err := r.open(); err != nil {
		return nil, fmt.Errorf("publish: open %s: %w", dir, err)
	}
	return r, nil
}

func (r *Repository) open() (err error) {
	if r.timestamp, err = metadata.Timestamp().FromFile(r.path("timestamp.json")); err != nil {
		return err
	}
	version := int64(1)
	for ; ; version++ {
		if _, err := os.Stat(r.path(fmt.Sprintf("%d.root.json", version+1))); err != nil {
			break
		}
	}
	if r.root, err = metadata.Root().FromFile(r.path(fmt.Sprintf("%d.root.json", version))); err != nil {
		return err
	}
	if r.snapshot, err = metadata.Snapshot().FromFile(r.path(fmt.Sprintf("%d.snapshot.json", r.timestamp.Signed.Meta["snapshot.json"].Version))); err != nil {
		return err
	}
	r.targets, err = metadata.Targets().FromFile(r.path(fmt.Sprintf("%d.targets.json", r.snapshot.Signed.Meta["targets.json"].Version)))
	return err
}

func (r *Repository) path(name string) string { return filepath.Join(r.dir, "metadata", name) }

// expires is when what a role signs now stops being valid.
func (r *Repository) expires(role string) time.Time { return r.now.Add(lives[role]) }

// public is the public half of a key as the metadata has it.
func public(key ed25519.PrivateKey) (*metadata.Key, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("no Ed25519 key")
	}
	return metadata.KeyFromPublicKey(key.Public().(ed25519.PublicKey))
}

// Add takes a bundle into the repository: it is copied, and listed. The
// signature of the bundle is checked with the release key's public half.
func (r *Repository) Add(file string, release ed25519.PublicKey) (catalog.Bundle, error) {
	b, err := r.add(file, release)
	if err != nil {
		return b, fmt.Errorf("publish: add %s: %w", file, err)
	}
	return b, nil
}

func (r *Repository) add(file string, release ed25519.PublicKey) (b catalog.Bundle, err error) {
	m, manifest, err := check(file, release)
	if err != nil {
		return b, err
	}
	b.Path = fmt.Sprintf("%s/%s.full", m.Board, m.Name)
	if m.Delta() {
		b.Path = fmt.Sprintf("%s/%s.from-%d", m.Board, m.Name, m.From)
	}
	if r.targets.Signed.Targets[b.Path] != nil {
		return b, fmt.Errorf("%s is there: a version is published once", b.Path)
	}
	b.Manifest = sha256.Sum256(manifest)
	b.About = catalog.About{Board: m.Board, Name: m.Name, Serial: m.Serial, Floor: m.Floor, From: m.From, Manifest: hex.EncodeToString(b.Manifest[:])}
	custom, err := json.Marshal(b.About)
	if err != nil {
		return b, err
	}
	if b.Hash, b.Size, err = hash(file); err != nil {
		return b, err
	}
	if err := copyFile(file, filepath.Join(r.dir, filepath.FromSlash(b.File()))); err != nil {
		return b, err
	}
	target := metadata.TargetFile()
	target.Length, target.Hashes, target.Custom = b.Size, metadata.Hashes{"sha256": b.Hash[:]}, (*json.RawMessage)(&custom)
	r.targets.Signed.Targets[b.Path] = target
	r.targets.Signed.Version++
	r.targets.Signed.Expires = r.expires(metadata.TARGETS)
	return b, r.writeNew()
}

// Withdraw takes a bundle off the list. Units that have it keep it.
func (r *Repository) Withdraw(path string) error {
	if r.targets.Signed.Targets[path] == nil {
		return fmt.Errorf("publish: withdraw %s: there is no such bundle", path)
	}
	delete(r.targets.Signed.Targets, path)
	r.targets.Signed.Version++
	r.targets.Signed.Expires = r.expires(metadata.TARGETS)
	return r.writeNew()
}

// check opens a bundle and checks all of it.
func check(file string, release ed25519.PublicKey) (*bundle.Manifest, []byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	manifest, err := bundle.Head(f)
	if err != nil {
		return nil, nil, err
	}
	m, err := bundle.Open(manifest, release)
	if err != nil {
		return nil, nil, err
	}
	return m, manifest, m.Check(f)
}

// Refresh signs the timestamp anew, and the snapshot where half of its time
// has passed. It needs no other key and is what a clock runs every day.
func (r *Repository) Refresh() error {
	if r.snapshot.Signed.Expires.Sub(r.now) < lives[metadata.SNAPSHOT]/2 {
		r.snapshot.Signed.Version++
		r.timestamp.Signed.Version++
		return r.writeSnapshot()
	}
	r.timestamp.Signed.Version++
	return r.writeTimestamp()
}

// Rotate replaces keys by new ones, which a new root names. Both the old and
// the new root key sign it.
func (r *Repository) Rotate(fresh Keys) error {
	for role, key := range fresh {
		k, err := public(key)
		if err != nil {
			return fmt.Errorf("publish: rotate %s: %w", role, err)
		}
		if r.root.Signed.Roles[role] == nil {
			return fmt.Errorf("publish: rotate: there is no role %q", role)
		}
		for _, id := range append([]string(nil), r.root.Signed.Roles[role].KeyIDs...) {
			if err := r.root.Signed.RevokeKey(id, role); err != nil {
				return fmt.Errorf("publish: rotate %s: %w", role, err)
			}
		}
		if err := r.root.Signed.AddKey(k, role); err != nil {
			return fmt.Errorf("publish: rotate %s: %w", role, err)
		}
	}
	signers := []ed25519.PrivateKey{r.keys[metadata.ROOT]}
	if key, ok := fresh[metadata.ROOT]; ok {
		signers = append(signers, key)
	}
	for role, key := range fresh {
		r.keys[role] = key
	}
	r.root.Signed.Version++
	r.root.Signed.Expires = r.expires(metadata.ROOT)
	if err := r.writeRoot(signers...); err != nil {
		return fmt.Errorf("publish: rotate: %w", err)
	}
	r.targets.Signed.Version++ // what former keys signed is signed by the new ones
	return r.writeNew()
}

// Bundles lists what is published, by path.
func (r *Repository) Bundles() map[string]*metadata.TargetFiles { return r.targets.Signed.Targets }

// Expires is when units stop taking what each role has signed.
func (r *Repository) Expires() map[string]time.Time {
	return map[string]time.Time{metadata.ROOT: r.root.Signed.Expires, metadata.TARGETS: r.targets.Signed.Expires,
		metadata.SNAPSHOT: r.snapshot.Signed.Expires, metadata.TIMESTAMP: r.timestamp.Signed.Expires}
}

// signer is a key as go-tuf takes it.
func signer(role string, key ed25519.PrivateKey) (signature.Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("there is no %s key", role)
	}
	return signature.LoadSigner(key, crypto.Hash(0))
}

func hash(file string) (sum [32]byte, size int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return sum, 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return [32]byte(h.Sum(nil)), size, err
}
