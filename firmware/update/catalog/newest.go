package catalog

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Bundle is one of the catalogue.
type Bundle struct {
	Path     string   // in the catalogue: "qemu-virt/1.2.3.full"
	Size     int64    // of the file, in bytes
	Hash     [32]byte // of the file, SHA-256
	Manifest [32]byte // of the signed manifest, SHA-256: it names the hashes of all that follows
	About    About
}

// About is what the catalogue says of a bundle, as JSON in the target's "custom".
type About struct {
	Board    string `json:"board"`
	Name     string `json:"name"`
	Serial   uint64 `json:"serial"`
	Floor    uint64 `json:"floor"`
	From     uint64 `json:"from,omitempty"` // serial that a delta is made from
	Manifest string `json:"manifest"`       // SHA-256 of the signed manifest, 64 hex digits
}

// File is where the bundle's file is: its hash is part of the name, so that a
// catalogue and its bundles may be replaced while they are read.
func (b Bundle) File() string {
	dir, name := "", b.Path
	if i := strings.LastIndexByte(b.Path, '/'); i >= 0 {
		dir, name = b.Path[:i+1], b.Path[i+1:]
	}
	return "targets/" + dir + hex.EncodeToString(b.Hash[:]) + "." + name
}

// Newest is the bundle that the unit should have: the highest serial above
// what runs, and of that the smallest that fits.
func (c *Catalog) Newest() (best Bundle, ok bool) {
	for path, file := range c.targets {
		b, err := parse(path, file)
		if err != nil { // something else
			continue
		}
		r := c.cfg.Release
		if b.About.Board != r.Board || b.About.Serial <= r.Serial || b.About.From != 0 && b.About.From != r.Serial {
			continue
		}
		if !ok || b.About.Serial > best.About.Serial || b.About.Serial == best.About.Serial && (b.Size < best.Size || b.Size == best.Size && b.Path < best.Path) {
			best, ok = b, true
		}
	}
	return best, ok
}

// parse reads a target's entry.
func parse(path string, file *metadata.TargetFiles) (b Bundle, err error) {
	if file == nil || len(path) > maxName || strings.Contains(path, "..") || strings.Trim(path, "abcdefghijklmnopqrstuvwxyz0123456789-+./") != "" || file.Custom == nil {
		return b, errors.New("catalog: not a bundle")
	}
	b = Bundle{Path: path, Size: file.Length}
	if err := json.Unmarshal(*file.Custom, &b.About); err != nil {
		return b, fmt.Errorf("catalog: %s: %w", path, err)
	}
	manifest, err := hex.DecodeString(b.About.Manifest)
	if err != nil || len(manifest) != 32 || len(file.Hashes["sha256"]) != 32 {
		return b, fmt.Errorf("catalog: %s has no hashes", path)
	}
	b.Manifest, b.Hash = [32]byte(manifest), [32]byte(file.Hashes["sha256"])
	return b, nil
}
