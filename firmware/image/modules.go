package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// kernel is a folder with a kernel's Image, lib/modules and dtb.
type kernel struct {
	dir     string
	modules map[string]string // path of a module's file, by its name
	builtin map[string]bool
}

// openKernel looks at what a kernel folder has.
func openKernel(dir string) (*kernel, error) {
	k := &kernel{dir: dir, modules: map[string]string{}, builtin: map[string]bool{}}
	err := filepath.WalkDir(filepath.Join(dir, "lib/modules"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name, ok := strings.CutSuffix(d.Name(), ".ko"); ok {
			k.modules[moduleID(name)] = p
		}
		if d.Name() == "modules.builtin" {
			b, err := os.ReadFile(p)
			for line := range strings.Lines(string(b)) {
				k.builtin[moduleID(strings.TrimSuffix(filepath.Base(strings.TrimSpace(line)), ".ko"))] = true
			}
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("image: look at the kernel: %w", err)
	}
	return k, nil
}

func moduleID(name string) string { return strings.ReplaceAll(name, "-", "_") }

// load gives the files of modules and of what they need, and the text of
// "order": one file and its parameters a line, dependencies first. Names are
// as in boards.Boot; have lists what is loaded already.
func (k *kernel) load(names []string, have map[string]bool) (map[string][]byte, error) {
	files, order := map[string][]byte{}, new(strings.Builder)
	var add func(name, args string) error
	add = func(name, args string) error {
		if have[name] {
			return nil
		}
		have[name] = true
		p, ok := k.modules[name]
		if !ok {
			return fmt.Errorf("image: module %s: the kernel in %s has none", name, k.dir)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return fmt.Errorf("image: module %s: %w", name, err)
		}
		needs, err := moduleNeeds(b)
		if err != nil {
			return fmt.Errorf("image: module %s: %w", name, err)
		}
		for _, n := range needs {
			if n = moduleID(n); !k.builtin[n] {
				if err := add(n, ""); err != nil {
					return err
				}
			}
		}
		files[name+".ko"] = b
		order.WriteString(strings.TrimSpace(name+".ko "+args) + "\n")
		return nil
	}
	for _, n := range names {
		name, args, _ := strings.Cut(n, " ")
		name, optional := strings.CutSuffix(name, "?")
		name = moduleID(name)
		if k.builtin[name] || optional && k.modules[name] == "" {
			continue
		}
		if err := add(name, args); err != nil {
			return nil, err
		}
	}
	files["order"] = []byte(order.String())
	return files, nil
}

// moduleNeeds reads the module's own list of what it depends on.
func moduleNeeds(b []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, errors.New("it has no section .modinfo")
	}
	info, err := s.Data()
	if err != nil {
		return nil, err
	}
	for pair := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(pair, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
