package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// disk is the folder that the journal is kept in. Names are plain.
type disk interface {
	list() ([]string, error)
	read(name string, limit int64) ([]byte, error) // fs.ErrNotExist where there is none; no more than limit bytes
	append(name string, b []byte) error            // makes the file; returns when the bytes are on the medium
	rename(from, to string) error                  // returns when that is on the medium
	remove(name string) error                      // fs.ErrNotExist where there is none
	close() error
}

// folder is a disk of mode 0700, with files of mode 0600.
type folder struct {
	root *os.Root
	name string   // of the file that is open for writing
	open *os.File // or nil
}

func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{root: root}, nil
}

func (f *folder) list() ([]string, error) {
	d, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func (f *folder) read(name string, limit int64) ([]byte, error) {
	r, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

func (f *folder) append(name string, b []byte) error {
	if f.name != name || f.open == nil {
		if err := f.shut(); err != nil {
			return err
		}
		_, err := f.root.Stat(name)
		fresh := errors.Is(err, fs.ErrNotExist)
		w, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		f.name, f.open = name, w
		if fresh {
			if err := f.sync(); err != nil {
				return err
			}
		}
	}
	if _, err := f.open.Write(b); err != nil {
		return err
	}
	return f.open.Sync()
}

// sync makes names outlive a power cut.
func (f *folder) sync() error {
	d, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f *folder) shut() error {
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}

func (f *folder) rename(from, to string) error {
	if err := f.shut(); err != nil {
		return err
	}
	if err := f.root.Rename(from, to); err != nil {
		return fmt.Errorf("rename %s: %w", from, err)
	}
	return f.sync()
}

func (f *folder) remove(name string) error { return f.root.Remove(name) }

func (f *folder) close() error { return errors.Join(f.shut(), f.root.Close()) }
