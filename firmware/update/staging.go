package update

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reserve is what is left free on the data partition, in bytes: the journal
// and the store go on while a bundle is fetched.
const reserve = 4 << 20

// File is a Staging in a file.
type File struct {
	path string
	open *os.File // nil until it is needed
}

var _ Staging = (*File)(nil)

// OpenFile keeps what is fetched in a file of the given folder, which it
// makes where there is none.
func OpenFile(dir string) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("update: open the staging folder: %w", err)
	}
	return &File{path: filepath.Join(dir, "bundle")}, nil
}

// file opens the file.
func (f *File) file() (*os.File, error) {
	if f.open == nil {
		var err error
		if f.open, err = os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return nil, err
		}
	}
	return f.open, nil
}

// Size is how many bytes are there.
func (f *File) Size() (int64, error) {
	i, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}

// ReadAt reads from what is there.
func (f *File) ReadAt(b []byte, at int64) (int, error) {
	file, err := f.file()
	if err != nil {
		return 0, err
	}
	return file.ReadAt(b, at)
}

// Append adds bytes at the end, and removes them again where that fails.
func (f *File) Append(b []byte) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := file.Write(b); err != nil {
		return errors.Join(err, file.Truncate(end))
	}
	return file.Sync()
}

// Room is how many more bytes there is room for.
func (f *File) Room() (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(f.path), &s); err != nil {
		return 0, fmt.Errorf("update: room for a bundle: %w", err)
	}
	return max(0, int64(s.Bavail)*s.Bsize-reserve), nil
}

// Reset forgets what is there.
func (f *File) Reset() error {
	if f.open != nil {
		err := f.open.Close()
		if f.open = nil; err != nil {
			return err
		}
	}
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
