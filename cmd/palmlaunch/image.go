package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Limits of what is loaded, in bytes.
const (
	maxProgram = 256 << 20
	maxConfig  = 64 << 10
)

// programFD is where the sealed program lies while the vault is started: far
// above the descriptors that the vault inherits.
const programFD = 100

// image is the vault's program in sealed memory.
type image struct {
	*os.File
	measurement [32]byte // SHA-256 of exactly these bytes
}

// loadImage copies a program into memory, seals it, and then measures it: a
// file that changes on disk meanwhile changes nothing.
func loadImage(path string) (*image, error) {
	f, err := sealedCopy("palmvault", path, maxProgram, true)
	if err != nil {
		return nil, fmt.Errorf("load the vault: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, maxProgram)); err != nil {
		return nil, fmt.Errorf("load the vault: measure: %w", err)
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, programFD)
	if err != nil {
		return nil, fmt.Errorf("load the vault: %w", err)
	}
	return &image{os.NewFile(uintptr(fd), "palmvault"), [32]byte(h.Sum(nil))}, nil
}

// path names the sealed program for execve.
func (i *image) path() string { return fmt.Sprintf("/proc/self/fd/%d", i.Fd()) }

// sealedCopy is a file's content in memory that can no longer change.
func sealedCopy(name, path string, limit int64, executable bool) (*os.File, error) {
	from, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	fd, err := memfd(name, executable)
	if err != nil {
		return nil, fmt.Errorf("memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	n, err := io.Copy(f, io.LimitReader(from, limit+1))
	if err == nil && (n == 0 || n > limit) {
		err = fmt.Errorf("%s: empty, or more than %d bytes", path, limit)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// memfd makes a memory file that can be sealed.
func memfd(name string, executable bool) (int, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	exec := unix.MFD_NOEXEC_SEAL
	if executable {
		exec = unix.MFD_EXEC
	}
	fd, err := unix.MemfdCreate(name, flags|exec)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 every memory file is executable
		fd, err = unix.MemfdCreate(name, flags)
	}
	return fd, err
}
