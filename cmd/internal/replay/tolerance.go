package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Tolerance is how far a number may move before it counts as changed: by the
// larger of Abs and Rel times the golden number.
type Tolerance struct {
	Abs    float64 `toml:"abs"`
	Rel    float64 `toml:"rel"`
	Ignore bool    `toml:"ignore"`
}

func (t Tolerance) holds(was, is float64) bool {
	return t.Ignore || math.Abs(is-was) <= max(t.Abs, t.Rel*math.Abs(was))
}

// Tolerances are those of fields, by "stage.field"; "default" is of all others.
type Tolerances map[string]Tolerance

const toleranceFile = "tolerance.toml"

// tolerances are what a folder of goldens begins with.
const tolerances = `# How far a number may move before palmsim replay tells of it: by the larger of abs and rel times the golden number.
# A field is named "stage.field", as in the goldens; what is not named has the default. ignore = true keeps still about it.

[default]
abs = 0.002
rel = 0.02

# A frame lasts 33 ms.
["guide.ms"]
abs = 35

["capture.ms"]
abs = 35

["decision.ms"]
abs = 70

["guide.looks"]
abs = 1

["seal.quality"]
abs = 2
`

// LoadTolerances reads those of a folder of goldens, or what such a folder
// begins with where it has none.
func LoadTolerances(dir string) (Tolerances, error) {
	path := filepath.Join(dir, toleranceFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = []byte(tolerances), nil
	}
	if err != nil {
		return nil, fmt.Errorf("replay: tolerances: %w", err)
	}
	t := Tolerances{}
	meta, err := toml.Decode(string(b), &t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return nil, fmt.Errorf("%s: unknown key %s, known are abs, rel and ignore", path, extra[0])
	}
	for name, l := range t {
		stage, field, dotted := strings.Cut(name, ".")
		if name != "default" && (!dotted || field == "" || !slices.Contains(Stages, stage)) {
			return nil, fmt.Errorf("%s: %q is no field: want \"stage.field\", a stage being one of %s", path, name, strings.Join(Stages, ", "))
		}
		if !(l.Abs >= 0) || !(l.Rel >= 0) || math.IsInf(l.Abs, 0) || math.IsInf(l.Rel, 0) {
			return nil, fmt.Errorf("%s: %s: abs %g and rel %g, allowed 0 and up", path, name, l.Abs, l.Rel)
		}
	}
	return t, nil
}

// SaveTolerances writes what a folder of goldens begins with, where it has none.
func SaveTolerances(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, toleranceFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("replay: tolerances: %w", err)
	}
	_, err = f.WriteString(tolerances)
	return errors.Join(err, f.Close())
}

func (t Tolerances) of(stage, field string) Tolerance {
	if l, ok := t[stage+"."+field]; ok {
		return l
	}
	return t["default"]
}
