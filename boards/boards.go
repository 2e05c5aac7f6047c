// Package boards reads the descriptors of the boards that a device can run
// on. A board is a folder of data: board.json, and a README with its wiring.
// Adding one adds no Go.
package boards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"volar/hal"
)

// Board is one board's descriptor. README.md in this folder lists its fields.
type Board struct {
	Name        string          `json:"name"`       // that of its folder
	About       string          `json:"about"`      // one line for people
	Arch        string          `json:"arch"`       // GOARCH of its programs
	Compatible  []string        `json:"compatible"` // as in /proc/device-tree/compatible; may be empty
	RGB         Camera          `json:"rgb"`
	NIR         Camera          `json:"nir"`
	Lamps       []Lamp          `json:"lamps"`
	Calibration hal.Calibration `json:"calibration"` // by design; a unit's own, measured at the factory, replaces it
	Limits      Limits          `json:"limits"`
}

// Camera is one sensor as the system knows it.
type Camera struct {
	Device string `json:"device"` // path, or a name that the driver knows
	Format string `json:"format"` // as hal.Format writes it
	FPS    int    `json:"fps"`
}

// Lamp is one group of LEDs that are switched together.
type Lamp struct {
	Light string  `json:"light"` // one lamp, as hal.Light writes it
	Chip  string  `json:"chip"`  // GPIO chip
	Line  int     `json:"line"`  // of the chip
	MaxOn int     `json:"max_on_ms"`
	Duty  float64 `json:"duty"` // share of time that it may be on, for heat and for eyes
}

// Limits are what the board's cameras can do.
type Limits struct {
	ExposureMin Duration `json:"exposure_min"`
	ExposureMax Duration `json:"exposure_max"`
	Timeout     Duration `json:"timeout"` // a camera without a frame for this long has stalled
}

// Duration is a time.Duration written as "5ms".
type Duration time.Duration

// UnmarshalText reads "5ms".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes "5ms".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

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

// Parse reads a descriptor strictly: no unknown field, none twice, and no
// value that a board cannot have. A missing field reads as zero, which hardly
// any field may be.
func Parse(raw []byte) (*Board, error) {
	if len(raw) > maxFile {
		return nil, fmt.Errorf("board.json has more than %d bytes", maxFile)
	}
	if err := checkKeys(raw); err != nil {
		return nil, fmt.Errorf("board.json: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	b := new(Board)
	if err := d.Decode(b); err != nil {
		return nil, fmt.Errorf("board.json: %w", err)
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("board.json: %w", err)
	}
	return b, nil
}
