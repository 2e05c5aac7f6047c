package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"volar/wire/bundle"
)

// updates measures bundles of a system made of this repository's programs
// for arm64: whole, and what changed when a package that all of them have
// grew by a function.
func updates(b *bench) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	base, err := system(dir, 1, "")
	if err != nil {
		return err
	}
	now, err := system(dir, 2, "\nvar grown = func(list ...int) (n int) {\n	for i, v := range list {\n		n += i * v\n	}\n	return n\n}(1, 2, 3)\n\nfunc init() { grown++ }\n")
	if err != nil {
		return err
	}
	size := len(now.Parts[0]) + len(now.Parts[1])
	b.add("the system", float64(size)/1e6, "MB", "programs for arm64")
	for _, c := range []struct {
		name string
		base *bundle.System
	}{{"full bundle", nil}, {"delta", &base}} {
		if err := measureBundle(b, c.name, now, c.base); err != nil {
			return err
		}
	}
	return nil
}

// measureBundle makes a bundle and does with it what a unit does but for the
// writing.
func measureBundle(b *bench, name string, now bundle.System, base *bundle.System) error {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	var file bytes.Buffer
	began := time.Now()
	m, err := bundle.Make(context.Background(), &file, key, bundle.Manifest{Board: "bench", Name: "2", Floor: 1}, now, base, nil)
	if err != nil {
		return err
	}
	made := time.Since(began)
	head, err := bundle.Head(bytes.NewReader(file.Bytes()))
	if err != nil {
		return err
	}
	payload := file.Bytes()[bundle.HeadSize(head):]
	began = time.Now()
	if err := m.Check(bytes.NewReader(payload)); err != nil {
		return err
	}
	r := bytes.NewReader(payload)
	for i, p := range m.Parts {
		var from []byte
		if base != nil {
			from = base.Parts[i]
		}
		if _, err := io.Copy(io.Discard, p.Unpack(r, bytes.NewReader(from))); err != nil {
			return err
		}
	}
	unpacked := time.Since(began)
	b.add(name, float64(file.Len())/1e6, "MB", fmt.Sprintf("%.2f %% of the system; made in %.1f s", 100*float64(file.Len())/float64(m.Installed()), made.Seconds()))
	b.add(name+", checked and unpacked", unpacked.Seconds(), "s", "by the clock")
	// 8 bits in 10, base64 and frames: some 1.5 times the bytes.
	b.add(name+", over a serial line", float64(file.Len())*15/115200/60, "min", "at 115,200 bits a second, by arithmetic")
	return nil
}

// system builds the programs, with more appended to a file that all of them
// have: one for the boot part, which a first stage would be in, all for the root.
func system(dir string, serial uint64, more string) (s bundle.System, err error) {
	const changed = "wire/wire.go"
	src, err := os.ReadFile(changed)
	if err != nil {
		return s, fmt.Errorf("bench runs in the folder of the repository: %w", err)
	}
	copied, overlay := filepath.Join(dir, "wire.go"), filepath.Join(dir, "overlay.json")
	full, err := filepath.Abs(changed)
	if err != nil {
		return s, err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{full: copied}})
	if err != nil {
		return s, err
	}
	for name, b := range map[string][]byte{copied: append(src, more...), overlay: text} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			return s, err
		}
	}
	s.Serial = serial
	for i, program := range []string{"palmlaunch", "palmlaunch", "palmvault", "palmhost", "palmctl"} {
		out := filepath.Join(dir, program)
		cmd := exec.Command("go", "build", "-overlay", overlay, "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", out, "./cmd/"+program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64")
		if said, err := cmd.CombinedOutput(); err != nil {
			return s, fmt.Errorf("build %s: %w: %s", program, err, said)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			return s, err
		}
		part := min(i, 1)
		s.Parts[part] = append(s.Parts[part], append(b, make([]byte, -len(b)&4095)...)...)
	}
	return s, nil
}
