// Package confine shuts a process in with the descriptors that it has: no
// file, no network, no other process, no core, no way for another process of
// its user to look into it. It is for palmvault, and its own proof: Probe
// tries what is forbidden, each in a child that must die of it.
//
// The order matters. Quiet comes first and closes what leaks by default; it
// needs no privilege. Lock comes when every descriptor is there, forbids files
// and ports (Landlock) and then everything but a short list of system calls
// (seccomp). Nothing takes either back.
//
// Neither stops a hostile kernel, nor a root that loads a module or that
// traces the process and runs code in it. Keys in secret memory (package
// vault/memory) stay unread by such a tracer, until it makes the process read them.
package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxDescriptor is the last descriptor that Lock looks for, and one past what
// the process may ever have.
const maxDescriptor = 64

// Quiet closes the ways out that a process has by default: core files, stack
// traces, other processes that look into its memory, privileges from files
// that it runs, and the file with the local time zone, which Go would open
// when it first prints a time.
//
// Standard error leads nowhere from here on: where a signal ends it, Go's
// runtime writes registers and stacks there, whatever GOTRACEBACK says, and
// whoever runs the process chooses signal and moment. What the process itself
// has to say goes to voice, the old standard error, whose descriptor is the
// first free one from lowest on.
func Quiet(lowest int) (voice *os.File, err error) {
	debug.SetTraceback("none")
	time.Local = time.UTC
	err = errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
	if err != nil {
		return nil, fmt.Errorf("confine: %w", err)
	}
	if _, _, e := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
		return nil, fmt.Errorf("confine: no new privileges: %w", e)
	}
	fd, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, lowest)
	if err != nil {
		return nil, fmt.Errorf("confine: keep standard error: %w", err)
	}
	nowhere, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Dup3(nowhere, unix.Stderr, 0)
		unix.Close(nowhere)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("confine: close standard error: %w", err)
	}
	return os.NewFile(uintptr(fd), "voice"), nil
}

// Lock forbids everything that the policy does not list, for ever and for
// every thread. Descriptors above last are closed first. It says in a line what the kernel
// could not do; an error means that the process must end.
func Lock(last int) (notice string, err error) { return lock(last, policy(os.Getpid())) }

func lock(last int, rules []rule) (notice string, err error) {
	if err := closeAbove(last); err != nil {
		return "", fmt.Errorf("confine: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return "", fmt.Errorf("confine: %w", err)
	}
	abi, err := landlock()
	if err != nil {
		return "", fmt.Errorf("confine: %w", err)
	}
	if abi == 0 {
		notice = "this kernel has no Landlock: files and network are closed by the filter of system calls alone"
	}
	if err := filter(program(rules)); err != nil {
		return "", fmt.Errorf("confine: %w", err)
	}
	return notice, nil
}

// dropCapabilities gives up what root may do, on every thread. A launcher that
// could make this process another user has done it before.
func dropCapabilities() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&none[0])), 0)
	if e != 0 {
		return fmt.Errorf("drop capabilities: %w", e)
	}
	return nil
}

// closeAbove closes the descriptors above last but those of the runtime's own
// poller, which are files of no type, and bounds how many there can be.
func closeAbove(last int) error {
	for fd := last + 1; fd < maxDescriptor; fd++ {
		var s unix.Stat_t
		if unix.Fstat(fd, &s) == nil && s.Mode&unix.S_IFMT != 0 {
			unix.Close(fd)
		}
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: maxDescriptor, Max: maxDescriptor})
}
