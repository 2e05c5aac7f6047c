//go:build linux && amd64

package crash

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The operations by which something changes outside of a process. The kernel
// asks the supervisor about each of them before it is done (seccomp's user
// notification, Linux 5.19), so every one has a number, also those deep
// inside of the database.
var changing = []uint32{unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV, unix.SYS_PWRITEV, unix.SYS_SENDTO, unix.SYS_SENDMSG,
	unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE,
	unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINK, unix.SYS_UNLINKAT}

// confess makes the kernel ask about this process's operations, and hands the
// descriptor on which it asks to the supervisor.
func confess(supervisor int) error {
	const nr = 0 // offset of the number in struct seccomp_data
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: nr}}
	for i, call := range changing {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(changing) - i), K: call})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	// From here on this process's own sendmsg would wait for a supervisor that
	// has no descriptor yet: it takes it from us by pidfd_getfd.
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(fd))
	return shared(supervisor, number[:])
}

// shared writes into memory that the supervisor maps too: no system call.
func shared(fd int, b []byte) error {
	m, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(m[8:], b)
	m[0] = 1
	return nil
}

// notice is struct seccomp_notif, answer struct seccomp_notif_resp.
type notice struct {
	ID    uint64
	PID   uint32
	Flags uint32
	NR    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

type answer struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

const (
	ioctlReceive = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	ioctlSend    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	goOn         = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// supervisor decides about the operations of a child: judge is asked about
// the n-th, from 1, that changes something under dir, before it is done. The
// child is killed instead, or the operation fails with an error, or goes on.
type supervisor struct {
	dir   string
	judge func(n int) (kill bool, fail unix.Errno)
	count int
}

// watch serves a child until it has ended.
func (s *supervisor) watch(pid int, listener int) error {
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return err
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			if fds[0].Revents != 0 {
				return nil // everybody under the filter is gone
			}
			continue
		}
		var n notice
		if err := ioctl(listener, ioctlReceive, unsafe.Pointer(&n)); err != nil {
			if err == unix.ENOENT || err == unix.EINTR {
				continue // it was killed while it asked
			}
			return err
		}
		a := answer{ID: n.ID, Flags: goOn}
		if s.counts(n) {
			s.count++
			kill, fail := s.judge(s.count)
			if kill {
				return unix.Kill(pid, unix.SIGKILL)
			}
			if fail != 0 {
				a = answer{ID: n.ID, Error: -int32(fail)}
			}
		}
		if err := ioctl(listener, ioctlSend, unsafe.Pointer(&a)); err != nil && err != unix.ENOENT {
			return err
		}
	}
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// counts says whether an operation changes a file under the folder, or talks
// to a TPM whose socket lies there.
func (s *supervisor) counts(n notice) bool {
	switch uint32(n.NR) {
	case unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINK, unix.SYS_UNLINKAT:
		return true // the child renames and removes nothing elsewhere
	}
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.PID, n.Args[0]))
	return err == nil && (strings.HasPrefix(target, s.dir) || strings.HasPrefix(target, "socket:"))
}

// adopt takes the listener out of a child, whose number for it comes through
// memory that both map.
func adopt(pid int, m []byte) (int, error) {
	for end := time.Now().Add(20 * time.Second); m[0] == 0; time.Sleep(200 * time.Microsecond) {
		if time.Now().After(end) {
			return 0, errors.New("the child has not put itself under the filter")
		}
		if err := unix.Kill(pid, 0); err != nil {
			return 0, err
		}
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(pidfd)
	return unix.PidfdGetfd(pidfd, int(binary.LittleEndian.Uint64(m[8:])), 0)
}
