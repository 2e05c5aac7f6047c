package slots

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// medium is a block device or a file.
type medium struct {
	*os.File
	size int64
}

// OpenMedium opens the block device or the file at path, whose size does not
// change, for reading or for both.
func OpenMedium(path string, write bool) (Medium, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("size of %s: %w", path, err), f.Close())
	}
	return &medium{f, size}, nil
}

func (m *medium) Size() int64 { return m.size }

// WriteAt writes nothing behind the end: a file would grow.
func (m *medium) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > m.size {
		return 0, fmt.Errorf("write %s: %d bytes at %d, it has %d", m.Name(), len(p), at, m.size)
	}
	return m.File.WriteAt(p, at)
}

// Drop gives the clean pages of the cache back, so that they are read anew.
func (m *medium) Drop() error {
	if err := m.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(m.Fd()), 0, 0, unix.FADV_DONTNEED)
}
