package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Find describes the disk at a path among those of this machine. The path of
// an ordinary file stands for a disk of the file's size.
func Find(disks []Disk, path string) (Disk, error) {
	real, err := filepath.EvalSymlinks(path) // such as /dev/disk/by-id/…
	if err == nil {
		path = real
	}
	for _, d := range disks {
		if d.Path == path || d.Name == path {
			return d, nil
		}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Disk{}, fmt.Errorf("flash: %s: %w", path, err)
	case info.Mode().IsRegular():
		return Disk{Name: info.Name(), Path: path, Bus: File, Size: info.Size()}, nil
	}
	return Disk{}, fmt.Errorf("flash: %s: %w", path, errors.New("it is no disk, or only a part of one"))
}

// openTarget opens a disk so that nobody else can mount it meanwhile
// (O_EXCL on a block device: open(2)).
func openTarget(d *Disk) (target, error) {
	flags := os.O_RDWR
	if d.Bus != File {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(d.Path, flags, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("open: %w: %w", ErrUsed, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return file{f}, nil
}

type file struct{ *os.File }

// forget drops what the kernel keeps of the disk in memory.
func (f file) forget() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeDevice != 0 {
		if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0); err != nil {
			return fmt.Errorf("flush buffers: %w", err)
		}
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
