// Package memory gives the vault memory outside of the Go heap for what must not leave
// it by accident: galleries and keys. It is locked in RAM, kept out of core dumps and
// of forked processes, and overwritten before it is given back. README.md in this
// folder lists what each call asks of the kernel and what happens where it refuses.
package memory

import (
	"errors"
	"fmt"
	"reflect"

	"golang.org/x/sys/unix"
)

// huge is the size of a huge page, and the alignment that a mapping needs to get any.
const huge = 2 << 20

// A Region is a range of memory that does not move. It is not safe for concurrent
// changes of the Region itself; its bytes are as safe as any slice.
type Region struct {
	mapped []byte // what was mapped; nil once closed
	bytes  []byte // the part that is used
	locked bool
	secret bool
}

// Map gives n bytes of zeros, rounded up to whole pages. The error is the
// kernel's refusal to map or to keep the memory out of core dumps and of forks. Huge
// pages are a wish. A refusal to lock is no error: see Locked.
func Map(n int) (*Region, error) {
	if n <= 0 {
		return nil, fmt.Errorf("memory: map: %d bytes", n)
	}
	n = roundUp(n, unix.Getpagesize())
	spare := 0
	if n >= huge {
		spare = huge // address space alone: what lies outside of the region is never touched
	}
	b, err := unix.Mmap(-1, 0, n+spare, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory: map %d bytes: %w", n, err)
	}
	r := &Region{mapped: b, bytes: b[:n:n]}
	if spare > 0 {
		skip := int(-address(b) & (huge - 1))
		r.bytes = b[skip : skip+n : skip+n]
		_ = unix.Madvise(r.bytes, unix.MADV_HUGEPAGE)
	}
	if err := r.seclude(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.lock()
	return r, nil
}

// Secret gives n bytes of zeros, rounded up to whole pages, that the kernel
// itself cannot read (memfd_secret, Linux 5.14). Where it is missing, switched off or beyond the
// limit on locked memory, the bytes come from Map; Secret of the Region says which.
func Secret(n int) (*Region, error) {
	if n <= 0 {
		return nil, fmt.Errorf("memory: secret: %d bytes", n)
	}
	n = roundUp(n, unix.Getpagesize())
	raiseLimit()
	b, err := mapSecret(n)
	if err != nil {
		return Map(n)
	}
	r := &Region{mapped: b, bytes: b, locked: true, secret: true} // never swapped, by its nature
	if err := r.seclude(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func mapSecret(n int) ([]byte, error) {
	fd, err := unix.MemfdSecret(unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(n)); err != nil {
		return nil, err
	}
	return unix.Mmap(fd, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// seclude keeps the region out of core dumps and out of forked processes.
func (r *Region) seclude() error {
	if err := unix.Madvise(r.bytes, unix.MADV_DONTDUMP); err != nil {
		return fmt.Errorf("memory: keep %d bytes out of core dumps: %w", len(r.bytes), err)
	}
	if err := unix.Madvise(r.bytes, unix.MADV_DONTFORK); err != nil {
		return fmt.Errorf("memory: keep %d bytes out of forks: %w", len(r.bytes), err)
	}
	return nil
}

// lock keeps the region in RAM where the limit on locked memory allows it.
func (r *Region) lock() {
	if r.locked = unix.Mlock(r.bytes) == nil; !r.locked {
		raiseLimit()
		r.locked = unix.Mlock(r.bytes) == nil
	}
}

// raiseLimit lifts the limit on locked memory as far as this process may.
func raiseLimit() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l) == nil && l.Cur < l.Max {
		l.Cur = l.Max
		_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &l)
	}
}

// Bytes is the region: nil once it is closed.
func (r *Region) Bytes() []byte { return r.bytes }

// Locked says whether the region is kept from being swapped out. It is not where
// the limit on locked memory (RLIMIT_MEMLOCK) is too low.
func (r *Region) Locked() bool { return r.locked }

// Secret says whether the kernel itself cannot read the region.
func (r *Region) Secret() bool { return r.secret }

// Wipe overwrites the region with zeros.
func (r *Region) Wipe() { clear(r.bytes) }

// Close wipes the region and gives it back. Slices of it must not be used any more:
// touching one ends the process. A second Close does nothing.
func (r *Region) Close() error {
	if r.mapped == nil {
		return nil
	}
	r.Wipe()
	b := r.mapped
	r.mapped, r.bytes = nil, nil
	r.locked, r.secret = false, false
	if err := unix.Munmap(b); err != nil {
		return fmt.Errorf("memory: unmap %d bytes: %w", len(b), err)
	}
	return nil
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

func address(b []byte) uintptr { return reflect.ValueOf(b).Pointer() }
