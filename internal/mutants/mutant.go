package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is a defence that is switched off.
type mutant struct {
	Row     string // of the threat table
	Name    string // what is switched off
	Edits   []edit
	Package string // of the test
	Run     string // the tests' names, "A|B"
}

// edit replaces old, which occurs exactly once in the file, by new.
type edit struct{ File, Old, New string }

// overlay writes the changed files and the description that `go -overlay` takes.
func (m mutant) overlay(root, dir string) (string, error) {
	changed := map[string]string{}
	for _, e := range m.Edits {
		src, ok := changed[e.File]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				return "", err
			}
			src = string(b)
		}
		if n := strings.Count(src, e.Old); n != 1 {
			return "", fmt.Errorf("%s: %q occurs %d times, want once", e.File, e.Old, n)
		}
		changed[e.File] = strings.Replace(src, e.Old, e.New, 1)
	}
	replace := map[string]string{}
	for file, src := range changed {
		name := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = name
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}
