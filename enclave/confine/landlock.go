package confine

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rights is struct landlock_ruleset_attr (linux/landlock.h): what is forbidden
// unless a rule allows it. There is no rule.
type rights struct {
	files  uint64
	net    uint64
	scoped uint64
}

// rightsOf is everything that a kernel's version of Landlock can forbid.
// Signals are left out: they are bound to this process by the filter of system
// calls, and some kernels count the threads of one process as strangers here.
func rightsOf(abi int) (r rights, size uintptr) {
	r.files, size = 1<<13-1, 8 // execute, write, read, list, remove and make of every kind
	if abi >= 2 {
		r.files |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		r.files |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		r.net, size = unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, 16
	}
	if abi >= 5 {
		r.files |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		r.scoped, size = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, 24
	}
	return r, size
}

// landlock forbids every file and every TCP port, on all threads, and gives
// the kernel's version of Landlock: 0 where it has none. no_new_privs must be set.
func landlock() (abi int, err error) {
	v, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errors.Is(e, unix.ENOSYS) || errors.Is(e, unix.EOPNOTSUPP) {
		return 0, nil
	}
	if e != 0 {
		return 0, fmt.Errorf("landlock: version: %w", e)
	}
	r, size := rightsOf(int(v))
	set, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&r)), size, 0)
	if e != 0 {
		return 0, fmt.Errorf("landlock: version %d: make rules: %w", v, e)
	}
	defer unix.Close(int(set))
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); e != 0 {
		return 0, fmt.Errorf("landlock: version %d: restrict: %w", v, e)
	}
	return int(v), nil
}
