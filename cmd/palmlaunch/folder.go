package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folder is where a platform keeps what outlives this process.
type folder struct {
	*os.File
}

// openFolder makes the folder where there is none.
func openFolder(dir string) (folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folder{}, fmt.Errorf("open state: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return folder{}, fmt.Errorf("open state: %w", err)
	}
	return folder{d}, nil
}

// lock keeps other launchers out until this process ends: one platform, one vault.
func (f folder) lock() error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("lock %s: another palmlaunch uses it: %w", f.Name(), err)
	}
	return nil
}

func (f folder) path(name string) string { return filepath.Join(f.Name(), name) }

// read gives a file of at most limit bytes.
func (f folder) read(name string, limit int64) ([]byte, error) { return readFile(f.path(name), limit) }

// readFile gives a file of 1 to limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && (len(b) == 0 || int64(len(b)) > limit) {
		err = fmt.Errorf("%s: empty, or more than %d bytes", path, limit)
	}
	return b, err
}

// write replaces a file: data, then the name, then the folder reach the disk.
// Whenever it is interrupted, the old content or the new is there.
func (f folder) write(name string, content []byte) error {
	next := f.path(name) + ".next"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, f.path(name)); err != nil {
		return err
	}
	return f.Sync()
}
