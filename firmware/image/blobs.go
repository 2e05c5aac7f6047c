package image

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// blobsFile names what a board needs and we do not build: lines of NAME
// PACKAGE VERSION PATH SHA-256. # begins a comment. PATH lies in the package
// as scripts/debs unpacks it; where PACKAGE is "drop", somebody with a
// licence puts the file into the board's folder, and its sum is "?" until
// that first happened.
const blobsFile = "blobs.lock"

// blob is one line.
type blob struct {
	Name, Package, Version, Path, SHA256 string
}

func (b blob) dropped() bool { return b.Package == "drop" }

// parseBlobs reads blobs.lock.
func parseBlobs(text string) ([]blob, error) {
	var list []blob
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) != 5 {
			return nil, fmt.Errorf("image: %s: line %d has %d words, want NAME PACKAGE VERSION PATH SHA-256", blobsFile, n, len(w))
		}
		b := blob{w[0], w[1], w[2], w[3], w[4]}
		sum, err := hex.DecodeString(b.SHA256)
		switch {
		case len(list) >= 256:
			return nil, fmt.Errorf("image: %s: more than 256 lines", blobsFile)
		case !fs.ValidPath(b.Path) || filepath.Base(b.Name) != b.Name || !fs.ValidPath(b.Package) || strings.Contains(b.Package, "/"):
			return nil, fmt.Errorf("image: %s: line %d: %s from %s is no path", blobsFile, n, b.Name, b.Path)
		case b.SHA256 == "?" && b.dropped():
		case err != nil || len(sum) != 32:
			return nil, fmt.Errorf("image: %s: line %d: %q is not a SHA-256", blobsFile, n, b.SHA256)
		}
		list = append(list, b)
	}
	return list, nil
}

// MissingBlobs are files that a board needs and that are not there, or are
// not the ones that are pinned.
type MissingBlobs struct {
	Board string
	Lines []string
}

func (e *MissingBlobs) Error() string {
	return fmt.Sprintf("image: board %s: %d files of blobs.lock cannot be used:\n  %s", e.Board, len(e.Lines), strings.Join(e.Lines, "\n  "))
}

// readBlobs reads a board's blobs, by name. All that is wrong is one error.
func (b *builder) readBlobs() (map[string][]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.Folder, blobsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	list, err := parseBlobs(string(text))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	bad := &MissingBlobs{Board: b.Board.Name}
	for _, l := range list {
		from, get := filepath.Join(b.Packages, l.Package, l.Path), "scripts/debs "+l.Package+" fetches it"
		if l.dropped() {
			from, get = filepath.Join(b.Folder, l.Path), "not ours to ship; the hardware team takes it from "+l.Version+" and puts it there"
		}
		data, err := os.ReadFile(from)
		switch sum := partOf("", data).SHA256; {
		case err != nil:
			bad.Lines = append(bad.Lines, fmt.Sprintf("%s: missing (%s)", from, get))
		case l.SHA256 == "?":
			bad.Lines = append(bad.Lines, fmt.Sprintf("%s: not pinned: check where it came from (%s), then write %s into blobs.lock", from, l.Version, sum))
		case sum != l.SHA256:
			bad.Lines = append(bad.Lines, fmt.Sprintf("%s: SHA-256 %s, blobs.lock wants %s (%s)", from, sum, l.SHA256, l.Version))
		default:
			files[l.Name] = data
			b.blobs = append(b.blobs, l.component())
		}
	}
	if len(bad.Lines) > 0 {
		return nil, bad
	}
	return files, nil
}

// component is a blob in the bill of materials.
func (l blob) component() cdx.Component {
	c := component(cdx.ComponentTypeFirmware, "pkg:generic/"+l.Name+"@"+l.Version+"?checksum=sha256:"+l.SHA256, l.Name, l.Version)
	if !l.dropped() {
		c.Properties = &[]cdx.Property{{Name: "volar:debian-package", Value: l.Package}}
	}
	c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: l.SHA256}}
	return c
}
