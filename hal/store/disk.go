package store

import (
	"errors"
	"fmt"
	"io"
	"os"

	"volar/hal"
)

// Disk is a folder as a store uses it. Names are plain, without folders.
type Disk interface {
	Read(name string) ([]byte, error) // fs.ErrNotExist where there is none
	Write(name string, r io.Reader) error
	Rename(from, to string) error
	Remove(name string) error
	Sync() error // after this, renames and removals outlive a power cut
}

// folder is a disk on a file system, with files of mode 0600.
type folder struct{ root *os.Root }

// OpenFolder is a disk in a folder, which it makes with mode 0700 where it is
// not there.
func OpenFolder(dir string) (Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	return folder{root}, nil
}

// Read reads no more than shows that a file is too long for a value.
func (f folder) Read(name string) ([]byte, error) {
	r, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, hal.MaxValue+1))
	if err != nil {
		return nil, err
	}
	if info, err := r.Stat(); err != nil || info.Size() != int64(len(b)) {
		return nil, errors.Join(fmt.Errorf("read %d bytes of the file", len(b)), err)
	}
	return b, nil
}

func (f folder) Write(name string, r io.Reader) error {
	w, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	if err := w.Sync(); err != nil {
		return err
	}
	return w.Close()
}

func (f folder) Rename(from, to string) error { return f.root.Rename(from, to) }
func (f folder) Remove(name string) error     { return f.root.Remove(name) }

func (f folder) Sync() error {
	d, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
