package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// goldenVersion is that of the file. It changes where the meaning of a field does.
const goldenVersion = 1

// Limits of a golden file.
const (
	maxGolden     = 64 << 20 // bytes
	maxGoldenLine = 64 << 10
	maxSteps      = 200_000
)

// What a golden may be that is none of this tape. Callers test with errors.Is.
var (
	ErrNoGolden      = errors.New("no golden")
	ErrGoldenVersion = errors.New("golden of another version")
	ErrOtherTape     = errors.New("golden of another recording")
)

// Golden is what a tape came to when somebody last looked and was content.
//
// Its file has one JSON object a line: the head, then of each wave a line of
// its own and one a step.
type Golden struct {
	Name   string
	SHA256 string
	Arch   string // crops have equal bytes on one architecture only
	Error  string
	Waves  []Wave
}

type goldenHead struct {
	Golden int    `json:"golden"`
	Tape   string `json:"tape"`
	SHA256 string `json:"sha256"`
	Arch   string `json:"arch"`
	Error  string `json:"error,omitempty"`
}

type goldenStep struct {
	Of int `json:"of"` // wave
	Step
}

// NameOf is what the golden of a tape is called: the tape's base name without
// its ending.
func NameOf(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// GoldenPath is where the golden of a tape lies in a folder.
func GoldenPath(dir, name string) string { return filepath.Join(dir, name+".golden.jsonl") }

// Golden is what a result would be remembered as.
func (r *Result) Golden() *Golden {
	return &Golden{Name: r.Name, SHA256: r.SHA256, Arch: runtime.GOARCH, Error: r.Error, Waves: r.Waves}
}

// Write writes the file. Equal goldens have equal bytes.
func (g *Golden) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(goldenHead{goldenVersion, g.Name, g.SHA256, g.Arch, g.Error}); err != nil {
		return fmt.Errorf("replay: write golden: %w", err)
	}
	for i := range g.Waves {
		err := e.Encode(&g.Waves[i])
		for _, s := range g.Waves[i].Steps {
			err = errors.Join(err, e.Encode(goldenStep{g.Waves[i].Wave, s}))
		}
		if err != nil {
			return fmt.Errorf("replay: write golden: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("replay: write golden: %w", err)
	}
	return nil
}

// Save writes the golden into a folder, whole or not at all.
func (g *Golden) Save(dir string) error {
	f, err := os.CreateTemp(dir, ".golden-")
	if err != nil {
		return fmt.Errorf("replay: save golden: %w", err)
	}
	err = errors.Join(g.Write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), GoldenPath(dir, g.Name))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("replay: save golden: %w", err)
	}
	return nil
}

// LoadGolden reads the golden of a tape out of a folder.
func LoadGolden(dir, name string) (*Golden, error) {
	path := GoldenPath(dir, name)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoGolden)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	g, err := ReadGolden(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

// ReadGolden reads what Write wrote, strictly.
func ReadGolden(r io.Reader) (*Golden, error) {
	whole := &io.LimitedReader{R: r, N: maxGolden + 1}
	lines := bufio.NewScanner(whole)
	lines.Buffer(make([]byte, 0, 4096), maxGoldenLine)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("replay: golden is empty"), lines.Err())
	}
	var version struct{ Golden int }
	if err := json.Unmarshal(lines.Bytes(), &version); err != nil || version.Golden == 0 {
		return nil, errors.New("replay: no golden: the first line does not say its version")
	}
	if version.Golden != goldenVersion {
		return nil, fmt.Errorf("%w: it has %d, this palmsim %d", ErrGoldenVersion, version.Golden, goldenVersion)
	}
	var head goldenHead
	if err := strict(lines.Bytes(), &head); err != nil {
		return nil, fmt.Errorf("replay: golden line 1: %w", err)
	}
	g := &Golden{Name: head.Tape, SHA256: head.SHA256, Arch: head.Arch, Error: head.Error}
	steps := 0
	for n := 2; lines.Scan(); n++ {
		err := g.line(lines.Bytes())
		if steps++; steps > maxSteps || whole.N == 0 {
			err = fmt.Errorf("more than %d lines or %d bytes", maxSteps, maxGolden)
		}
		if err != nil {
			return nil, fmt.Errorf("replay: golden line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("replay: golden: %w", err)
	}
	return g, nil
}

func (g *Golden) line(b []byte) error {
	if !bytes.HasPrefix(b, []byte(`{"of":`)) {
		var w Wave
		if err := strict(b, &w); err != nil {
			return err
		}
		g.Waves = append(g.Waves, w)
		return nil
	}
	var s goldenStep
	if err := strict(b, &s); err != nil {
		return err
	}
	if len(g.Waves) == 0 || g.Waves[len(g.Waves)-1].Wave != s.Of {
		return fmt.Errorf("a step of wave %d, which has no line", s.Of)
	}
	w := &g.Waves[len(g.Waves)-1]
	w.Steps = append(w.Steps, s.Step)
	return nil
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("bytes after the value")
	}
	return nil
}
