package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// people of a unit: process 1, and what runs palmd. There is no shell and no
// password.
const (
	passwd = "root:x:0:0::/:/nologin\nvolar:x:1000:1000::/data:/nologin\n"
	groups = "root:x:0:\nvolar:x:1000:\n"
	hosts  = "127.0.0.1 localhost\n::1 localhost\n"
)

// mountPoints are the empty folders of the root.
var mountPoints = []string{"dev", "proc", "sys", "run", "tmp", "data", "var", "media"}

// rootTree is what lies in the root: files by path, either here or by their
// content.
type rootTree struct {
	files   map[string]string // path of the file that is copied
	content map[string][]byte
}

// executable tells which files of the root may be run.
func executable(name string) bool {
	return name == "init" || strings.HasPrefix(name, "usr/bin/") || strings.HasPrefix(name, "usr/sbin/") || strings.HasPrefix(name, "lib/ld-")
}

// stage lays the tree into dir.
func (t *rootTree) stage(dir string) error {
	for _, d := range mountPoints {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	for _, name := range sorted(t.files) {
		if err := stageFile(filepath.Join(dir, name), t.files[name], executable(name)); err != nil {
			return err
		}
	}
	for _, name := range sorted(t.content) {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, t.content[name], 0o444); err != nil {
			return err
		}
	}
	if err := os.Symlink("/run/resolv.conf", filepath.Join(dir, "etc/resolv.conf")); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error { // whatever the umask is
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o755)
		}
		return err
	})
}

func stageFile(to, from string, run bool) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if run {
		return os.Chmod(to, 0o555)
	}
	return os.Chmod(to, 0o444)
}

// buildRoot makes the read-only root with its verity tree. Uncompressed erofs:
// a small change then is a small update.
func buildRoot(ctx context.Context, dir string, t *rootTree, r *Release) ([]byte, *Verity, error) {
	stage := filepath.Join(dir, "root")
	if err := t.stage(stage); err != nil {
		return nil, nil, fmt.Errorf("image: lay out the root: %w", err)
	}
	salt := named("volar root\x00" + r.Board) // not of the version: a delta would carry the whole tree anew
	err := tool(ctx, dir, r.Built, "mkfs.erofs", "--quiet", "--all-root", "-T", fmt.Sprint(r.Built), "-U", salt.String(), "root.erofs", "root")
	if err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "root.erofs"))
	if err != nil {
		return nil, nil, fmt.Errorf("image: build the root: %w", err)
	}
	root, v, err := newVerity(b, salt[:])
	if err != nil {
		return nil, nil, err
	}
	if len(root) > RootSize {
		return nil, nil, fmt.Errorf("image: the root has %d bytes, its partition %d", len(root), RootSize)
	}
	return root, v, nil
}
