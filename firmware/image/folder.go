package image

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrSignature means that a manifest was not signed by the release key.
var ErrSignature = errors.New("image: manifest: not signed by this release key")

// ReadManifest reads the manifest of a folder that Build made, and checks its
// signature.
func ReadManifest(dir string, key ed25519.PublicKey) (*Manifest, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("image: manifest: a release key of %d bytes", len(key))
	}
	file, err := readSmall(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	sig, err := readSmall(filepath.Join(dir, manifestFile+".sig"))
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(key, append([]byte(manifestContext), file...), sig) {
		return nil, ErrSignature
	}
	m := new(Manifest)
	if err := strictJSON(file, m); err != nil {
		return nil, fmt.Errorf("image: manifest: %w", err)
	}
	return m, m.check()
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("image: manifest: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("image: manifest: %w", err)
	}
	if len(b) > maxJSON {
		return nil, fmt.Errorf("image: manifest: %s has more than %d bytes", path, maxJSON)
	}
	return b, nil
}

// check refuses what no image of ours is.
func (m *Manifest) check() error {
	if err := m.Release.check(); err != nil {
		return err
	}
	if _, _, err := m.Verity.size(); err != nil {
		return err
	}
	if m.Image.Size != DiskSize || len(m.Partitions) > 16 || len(m.Files) > 256 {
		return fmt.Errorf("image: manifest: an image of %d bytes, %d partitions and %d boot files", m.Image.Size, len(m.Partitions), len(m.Files))
	}
	for _, p := range m.parts() {
		if sum, err := hex.DecodeString(p.SHA256); err != nil || len(sum) != 32 || !fs.ValidPath(p.File) || p.Size < 1 || p.Size > DiskSize {
			return fmt.Errorf("image: manifest: a file %q of %d bytes", p.File, p.Size)
		}
	}
	return nil
}

// parts are the files of the folder.
func (m *Manifest) parts() []Part {
	list := []Part{m.Image, m.Packed, m.Map, m.SBOM, m.Boot, m.Root}
	if m.Loader != nil {
		list = append(list, *m.Loader)
	}
	return list
}

// CheckFolder checks the manifest of a folder and the files beside it that
// flashing reads: the map, and the image in at least one of its two forms.
func CheckFolder(dir string, key ed25519.PublicKey) (*Manifest, error) {
	m, err := ReadManifest(dir, key)
	if err != nil {
		return nil, err
	}
	if err := m.Map.compare(dir); err != nil {
		return nil, err
	}
	found := 0
	for _, p := range []Part{m.Packed, m.Image} {
		switch err := p.compare(dir); {
		case err == nil:
			found++
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if found == 0 {
		return nil, fmt.Errorf("image: %s has neither %s nor %s: %w", dir, m.Packed.File, m.Image.File, fs.ErrNotExist)
	}
	return m, nil
}

// compare tells whether a file of a folder is the one that the manifest names.
func (p Part) compare(dir string) error {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(p.File)))
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != p.Size {
		return fmt.Errorf("image: %s has %d bytes, the manifest says %d", p.File, info.Size(), p.Size)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("image: read %s: %w", p.File, err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != p.SHA256 {
		return fmt.Errorf("image: %s is not the file that was signed: SHA-256 %s, the manifest says %s", p.File, sum, p.SHA256)
	}
	return nil
}

// split takes the path of an image, or of the folder that it lies in, apart.
// name is "" for a folder.
func split(where string) (dir, name string, err error) {
	info, err := os.Stat(where)
	if err != nil {
		return "", "", fmt.Errorf("image: %w", err)
	}
	if info.IsDir() {
		return where, "", nil
	}
	if base := path.Base(filepath.ToSlash(where)); strings.HasSuffix(base, ".img") || strings.HasSuffix(base, ".img.zst") {
		return filepath.Dir(where), base, nil
	}
	return "", "", fmt.Errorf("image: %s is neither a folder nor an .img or .img.zst file", where)
}
