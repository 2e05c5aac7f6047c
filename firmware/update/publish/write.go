package publish

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// What units read first is written last: whoever reads while a repository is
// written sees all of the old one or all of the new one.

// writeRoot signs the root and writes it as the next version.
func (r *Repository) writeRoot(keys ...ed25519.PrivateKey) error {
	r.root.ClearSignatures()
	return sign(r.root, metadata.ROOT, r.path(fmt.Sprintf("%d.root.json", r.root.Signed.Version)), keys...)
}

// targetsName is the file of the current targets.
func (r *Repository) targetsName() string {
	return fmt.Sprintf("%d.targets.json", r.targets.Signed.Version)
}

// writeTargets signs targets and writes them, over what an attempt that was
// cut may have left.
func (r *Repository) writeTargets() error {
	r.targets.ClearSignatures()
	return sign(r.targets, metadata.TARGETS, r.path(r.targetsName()), r.keys[metadata.TARGETS])
}

// writeSnapshot signs and writes what names the targets, and then what names that.
func (r *Repository) writeSnapshot() error {
	meta, err := r.meta(r.targetsName(), r.targets.Signed.Version)
	if err != nil {
		return err
	}
	r.snapshot.Signed.Meta["targets.json"] = meta
	r.snapshot.Signed.Expires = r.expires(metadata.SNAPSHOT)
	r.snapshot.ClearSignatures()
	if err := sign(r.snapshot, metadata.SNAPSHOT, r.path(fmt.Sprintf("%d.snapshot.json", r.snapshot.Signed.Version)), r.keys[metadata.SNAPSHOT]); err != nil {
		return err
	}
	return r.writeTimestamp()
}

// writeNew writes targets that changed, and what names them.
func (r *Repository) writeNew() error {
	if err := r.writeTargets(); err != nil {
		return err
	}
	r.snapshot.Signed.Version++
	r.timestamp.Signed.Version++
	return r.writeSnapshot()
}

func (r *Repository) writeTimestamp() error {
	meta, err := r.meta(fmt.Sprintf("%d.snapshot.json", r.snapshot.Signed.Version), r.snapshot.Signed.Version)
	if err != nil {
		return err
	}
	r.timestamp.Signed.Meta["snapshot.json"] = meta
	r.timestamp.Signed.Expires = r.expires(metadata.TIMESTAMP)
	r.timestamp.ClearSignatures()
	return sign(r.timestamp, metadata.TIMESTAMP, r.path("timestamp.json"), r.keys[metadata.TIMESTAMP])
}

// meta names a file with its hash, so that no two of one version are mixed.
func (r *Repository) meta(name string, version int64) (*metadata.MetaFiles, error) {
	sum, size, err := hash(r.path(name))
	if err != nil {
		return nil, err
	}
	m := metadata.MetaFile(version)
	m.Length, m.Hashes = size, metadata.Hashes{"sha256": sum[:]}
	return m, nil
}

// sign signs metadata with the keys of a role and writes it.
func sign[T metadata.Roles](m *metadata.Metadata[T], role, path string, keys ...ed25519.PrivateKey) error {
	for _, key := range keys {
		s, err := signer(role, key)
		if err != nil {
			return err
		}
		if _, err := m.Sign(s); err != nil {
			return fmt.Errorf("sign %s: %w", role, err)
		}
	}
	b, err := m.ToBytes(false)
	if err != nil {
		return fmt.Errorf("sign %s: %w", role, err)
	}
	return write(path, b)
}

// write writes a file whole or not at all.
func write(path string, b []byte) error { return put(path, bytes.NewReader(b)) }

func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return put(to, f)
}

func put(path string, r io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := io.Copy(f, r); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
