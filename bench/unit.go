package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// unitFile is what the last `make vm` measured.
const unitFile = "build/vm.json"

// unit shows the sizes and times of a unit in emulation. They take minutes to
// measure, so they are those of the last `make vm`; there are none before it.
func unit(b *bench) error {
	raw, err := os.ReadFile(unitFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var seen struct {
		Measures []struct {
			Name  string
			Value float64
			Unit  string
		}
	}
	if err := json.Unmarshal(raw, &seen); err != nil {
		return fmt.Errorf("%s: %w", unitFile, err)
	}
	for _, m := range seen.Measures {
		b.add(m.Name, m.Value, m.Unit, "in emulation, by the last make vm")
	}
	return nil
}
