package image

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// libDir is where the loader of Debian's C library looks by itself.
const libDir = "usr/lib/aarch64-linux-gnu"

// addProgram lays a program and the libraries that it needs into a tree, as
// name. Libraries come from sysroots, the first that has one.
func addProgram(tree map[string]string, name, program string, sysroots []string) error {
	loader, libs, err := needed(program)
	if err != nil {
		return fmt.Errorf("image: %s: %w", program, err)
	}
	tree[name] = program
	if loader != "" {
		p, err := findLibrary(filepath.Base(loader), sysroots)
		if err != nil {
			return fmt.Errorf("image: %s: %w", program, err)
		}
		tree[strings.TrimPrefix(loader, "/")] = p
	}
	for len(libs) > 0 {
		lib := libs[0]
		libs = libs[1:]
		if to := filepath.Join(libDir, lib); tree[to] == "" && lib != filepath.Base(loader) {
			p, err := findLibrary(lib, sysroots)
			if err != nil {
				return fmt.Errorf("image: %s: %w", program, err)
			}
			_, more, err := needed(p)
			if err != nil {
				return fmt.Errorf("image: %s: %w", p, err)
			}
			tree[to] = p
			libs = append(libs, more...)
		}
	}
	return nil
}

// needed is the loader that an arm64 ELF file names ("" for a static one) and
// the libraries.
func needed(path string) (loader string, libs []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	if f.Machine != elf.EM_AARCH64 {
		return "", nil, fmt.Errorf("it is for %v, units have arm64", f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 256 {
			b, err := io.ReadAll(p.Open())
			if err != nil {
				return "", nil, err
			}
			loader = strings.TrimRight(string(b), "\x00")
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		if paths, _ := f.DynString(tag); loader != "" && len(paths) > 0 {
			return "", nil, fmt.Errorf("it looks for libraries in %s", strings.Join(paths, ":"))
		}
	}
	libs, err = f.ImportedLibraries()
	return loader, libs, err
}

// findLibrary follows the links of a sysroot, of which absolute ones mean a
// path inside it.
func findLibrary(name string, sysroots []string) (string, error) {
	for _, root := range sysroots {
		for _, d := range []string{libDir, "lib/aarch64-linux-gnu", "lib", "usr/lib"} {
			p := filepath.Join(root, d, name)
			for range 8 {
				info, err := os.Lstat(p)
				if errors.Is(err, os.ErrNotExist) {
					break
				}
				if err != nil {
					return "", err
				}
				if info.Mode()&os.ModeSymlink == 0 {
					return p, nil
				}
				to, err := os.Readlink(p)
				if err != nil {
					return "", err
				}
				if filepath.IsAbs(to) {
					p = filepath.Join(root, to)
				} else {
					p = filepath.Join(filepath.Dir(p), to)
				}
			}
		}
	}
	return "", fmt.Errorf("library %s is not in %s", name, strings.Join(sysroots, ", "))
}
