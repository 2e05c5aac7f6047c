package sim

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"sync"
)

// disk is what the parts that must outlive a power cut are kept on. Names are
// plain, without folders.
type disk interface {
	read(name string) ([]byte, error) // fs.ErrNotExist where there is none
	write(name string, r io.Reader) error
	rename(from, to string) error
	remove(name string) error
	sync() error // after this, renames and removals outlive a power cut
}

// folder is a disk in a folder of mode 0700, with files of mode 0600.
type folder struct{ root *os.Root }

func openFolder(dir string) (folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folder{}, fmt.Errorf("sim: make the state folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return folder{}, fmt.Errorf("sim: open the state folder: %w", err)
	}
	return folder{root}, nil
}

func (f folder) read(name string) ([]byte, error) { return f.root.ReadFile(name) }

func (f folder) write(name string, r io.Reader) error {
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

// memory is a disk for boards whose state dies with them.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func newMemory() *memory { return &memory{files: map[string][]byte{}} }

func (m *memory) read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(b), nil
}

func (m *memory) write(name string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = b
	return nil
}

func (m *memory) rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.files[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(m.files, from)
	m.files[to] = b
	return nil
}

func (m *memory) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; !ok {
		return fs.ErrNotExist
	}
	delete(m.files, name)
	return nil
}

func (m *memory) sync() error { return nil }

// clone is the disk as a power cut would leave it.
func (m *memory) clone() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{files: maps.Clone(m.files)}
}
