// Package boards reads the descriptors of the boards that a device can run
// on. A board is a folder of data: board.json, and a README with its wiring.
// Adding one adds no Go.
package boards

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
)

// maxFile bounds a board.json, in bytes.
const maxFile = 64 << 10

// Load returns the board called name from a tree of boards: os.DirFS("boards")
// on a developer's machine, "/etc/volar/boards" on a device.
func Load(tree fs.FS, name string) (*Board, error) {
	if !isName(name) {
		return nil, fmt.Errorf("boards: %q is no name of a board", name)
	}
	f, err := tree.Open(name + "/board.json")
	if errors.Is(err, fs.ErrNotExist) {
		have, _ := Names(tree)
		return nil, fmt.Errorf("boards: no board %q, there are %q: %w", name, have, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("boards: open %s: %w", name, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("boards: read %s: %w", name, err)
	}
	b, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("boards: read %s: %w", name, err)
	}
	if b.Name != name {
		return nil, fmt.Errorf("boards: the folder %s describes a board %q", name, b.Name)
	}
	return b, nil
}

// Names lists the boards of a tree, sorted.
func Names(tree fs.FS) ([]string, error) {
	files, err := fs.Glob(tree, "*/board.json")
	if err != nil {
		return nil, fmt.Errorf("boards: list: %w", err)
	}
	for i, f := range files {
		files[i] = f[:len(f)-len("/board.json")]
	}
	return files, nil
}

// Parse reads a descriptor strictly: no unknown field, none twice, none left
// out, and no value that a board cannot have. It names everything that is
// wrong: the error is a Problems.
func Parse(raw []byte) (*Board, error) {
	if len(raw) > maxFile {
		return nil, Problems{{Says: fmt.Sprintf("more than %d bytes", maxFile)}}
	}
	tree, found, err := readTree(raw)
	if err != nil {
		return nil, Problems{{Says: err.Error()}}
	}
	found = append(found, conform(tree, reflect.TypeFor[Board](), "")...)
	b := new(Board)
	if err := json.Unmarshal(raw, b); err != nil && len(found) == 0 {
		return nil, Problems{{Says: err.Error()}} // conform should have seen it
	}
	// What a field of the wrong form would hold is not worth a second complaint.
	malformed := slices.Clone(found)
	for _, p := range b.problems() {
		if !slices.ContainsFunc(malformed, func(f Problem) bool { return within(p.Path, f.Path) || within(f.Path, p.Path) }) {
			found = append(found, p)
		}
	}
	if len(found) > 0 {
		return nil, Problems(found)
	}
	return b, nil
}
