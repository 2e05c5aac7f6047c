package linux

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"volar/hal"
)

// disk is a folder as a store uses it; tests cut its power.
type disk interface {
	read(name string) ([]byte, error) // fs.ErrNotExist where there is none
	write(name string, b []byte) error
	rename(from, to string) error
	remove(name string) error
	sync() error // after this, renames and removals outlive a power cut
}

// folder is a disk on a file system, with files of mode 0600.
type folder struct{ root *os.Root }

// maxRead is what is read of a file: enough to see that it is too long.
const maxRead = hal.MaxValue + 1

func (f folder) read(name string) ([]byte, error) {
	r, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, maxRead)
	n := 0
	for n < len(b) {
		k, err := r.Read(b[n:])
		n += k
		if k == 0 || err != nil {
			break
		}
	}
	if info, err := r.Stat(); err != nil || info.Size() != int64(n) {
		return nil, errors.Join(fmt.Errorf("read %d bytes of the file", n), err)
	}
	return b[:n], nil
}

func (f folder) write(name string, b []byte) error {
	w, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(b); err != nil {
		return err
	}
	if err := w.Sync(); err != nil {
		return err
	}
	return w.Close()
}

func (f folder) rename(from, to string) error { return f.root.Rename(from, to) }
func (f folder) remove(name string) error     { return f.root.Remove(name) }

func (f folder) sync() error {
	d, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// store is a hal.Store in a folder. A value is written beside the old one,
// synced and read back, and only then takes its name, so a power cut at any
// moment leaves the old value or the new one.
type store struct {
	mu   sync.Mutex
	disk disk
}

// fresh is the file that a value is in before it has its name. No key begins
// with a dot.
const fresh = ".fresh"

// OpenStore keeps values in a folder, which it makes with mode 0700 where it
// is not there.
func OpenStore(dir string) (hal.Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("linux: open the store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("linux: open the store: %w", err)
	}
	return &store{disk: folder{root}}, nil
}

// Get returns the value of key.
func (s *store) Get(key string) ([]byte, error) {
	if err := hal.CheckKey(key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.disk.read(key)
	if errors.Is(err, fs.ErrNotExist) {
		err = hal.ErrNotFound
	}
	if err == nil {
		err = hal.CheckValue(b)
	}
	if err != nil {
		return nil, fmt.Errorf("linux: get %s: %w", key, err)
	}
	return b, nil
}

// Put writes val, all or nothing.
func (s *store) Put(key string, val []byte) error {
	if err := errors.Join(hal.CheckKey(key), hal.CheckValue(val)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.put(key, val); err != nil {
		return fmt.Errorf("linux: put %s: %w", key, err)
	}
	return nil
}

func (s *store) put(key string, val []byte) error {
	if err := s.disk.write(fresh, val); err != nil {
		return err
	}
	back, err := s.disk.read(fresh)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, val) {
		return errors.New("what was read back is not what was written")
	}
	if err := s.disk.rename(fresh, key); err != nil {
		return err
	}
	return s.disk.sync()
}

// Delete forgets key.
func (s *store) Delete(key string) error {
	if err := hal.CheckKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.disk.remove(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.disk.sync()
	}
	if err != nil {
		return fmt.Errorf("linux: delete %s: %w", key, err)
	}
	return nil
}

var _ hal.Store = (*store)(nil)
