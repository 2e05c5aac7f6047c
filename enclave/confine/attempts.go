package confine

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is one thing that a locked process must die of. Each is harmless
// where it is allowed: its arguments make it fail, or it concerns the trying
// process alone.
type attempt struct {
	name string
	nr   uintptr
	args func() [6]uintptr // nil: all zero
}

// none is an argument that is no descriptor, no process and no pointer.
const none = ^uintptr(0)

// fixed are arguments that are only numbers.
func fixed(args ...uintptr) func() [6]uintptr {
	return func() (a [6]uintptr) {
		copy(a[:], args)
		return a
	}
}

// root is a path, and keeps it from the garbage collector.
var root = []byte("/\x00")

func path() uintptr { return uintptr(unsafe.Pointer(&root[0])) }

func here() uintptr { at := unix.AT_FDCWD; return uintptr(at) }

// mother is asked for early: a locked process dies of asking.
var mother = uintptr(unix.Getppid())

func parent() uintptr { return mother }

// attempts are the same on every architecture; arch_*.go adds to them.
var attempts = append([]attempt{
	{"open a file", unix.SYS_OPENAT, func() [6]uintptr { return [6]uintptr{here(), path(), unix.O_RDONLY} }},
	{"make a file", unix.SYS_OPENAT, func() [6]uintptr { return [6]uintptr{here(), path(), unix.O_CREAT | unix.O_WRONLY} }},
	{"open a file the new way", unix.SYS_OPENAT2, func() [6]uintptr { return [6]uintptr{here(), path()} }},
	{"look at a file", unix.SYS_STATX, func() [6]uintptr { return [6]uintptr{here(), path()} }},
	{"list a folder", unix.SYS_GETDENTS64, nil},
	{"read a link", unix.SYS_READLINKAT, func() [6]uintptr { return [6]uintptr{here(), path()} }},
	{"rename a file", unix.SYS_RENAMEAT2, nil},
	{"remove a file", unix.SYS_UNLINKAT, nil},
	{"open by handle", unix.SYS_OPEN_BY_HANDLE_AT, fixed(none)},
	{"watch files", unix.SYS_FANOTIFY_INIT, nil},
	{"copy a descriptor", unix.SYS_DUP, fixed(none)},
	{"copy a descriptor by fcntl", unix.SYS_FCNTL, fixed(0, unix.F_DUPFD, 3)},
	{"control a device", unix.SYS_IOCTL, fixed(0, unix.TIOCSTI)},

	{"TCP socket", unix.SYS_SOCKET, fixed(unix.AF_INET, unix.SOCK_STREAM)},
	{"TCP socket, IPv6", unix.SYS_SOCKET, fixed(unix.AF_INET6, unix.SOCK_STREAM)},
	{"UDP socket", unix.SYS_SOCKET, fixed(unix.AF_INET, unix.SOCK_DGRAM)},
	{"unix socket", unix.SYS_SOCKET, fixed(unix.AF_UNIX, unix.SOCK_STREAM)},
	{"netlink socket", unix.SYS_SOCKET, fixed(unix.AF_NETLINK, unix.SOCK_RAW)},
	{"virtual machine socket", unix.SYS_SOCKET, fixed(unix.AF_VSOCK, unix.SOCK_STREAM)},
	{"raw socket", unix.SYS_SOCKET, fixed(unix.AF_PACKET, unix.SOCK_RAW)},
	{"pair of sockets", unix.SYS_SOCKETPAIR, nil},
	{"connect", unix.SYS_CONNECT, fixed(none)},
	{"listen", unix.SYS_LISTEN, fixed(none)},
	{"give a descriptor away", unix.SYS_SENDMSG, fixed(none)},
	{"take a descriptor", unix.SYS_RECVMSG, fixed(none)},

	{"run a program", unix.SYS_EXECVE, nil},
	{"run a program by descriptor", unix.SYS_EXECVEAT, fixed(none, 0, 0, 0, unix.AT_EMPTY_PATH)},
	{"memory file to run", unix.SYS_MEMFD_CREATE, nil},
	{"executable memory", unix.SYS_MMAP, fixed(0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON, none)},
	{"make memory executable", unix.SYS_MPROTECT, fixed(0, 0, unix.PROT_READ|unix.PROT_EXEC)},
	{"another process", unix.SYS_CLONE, fixed(uintptr(unix.SIGCHLD))},
	{"another process the new way", unix.SYS_CLONE3, nil},
	{"thread in a new namespace", unix.SYS_CLONE, fixed(threadFlags | unix.CLONE_NEWNS)},

	{"trace", unix.SYS_PTRACE, fixed(none)},
	{"read another process", unix.SYS_PROCESS_VM_READV, func() [6]uintptr { return [6]uintptr{parent()} }},
	{"write another process", unix.SYS_PROCESS_VM_WRITEV, func() [6]uintptr { return [6]uintptr{parent()} }},
	{"signal another process", unix.SYS_KILL, func() [6]uintptr { return [6]uintptr{parent(), 0} }},
	{"signal a thread of another process", unix.SYS_TGKILL, func() [6]uintptr { return [6]uintptr{parent(), parent(), 0} }},
	{"hold another process", unix.SYS_PIDFD_OPEN, func() [6]uintptr { return [6]uintptr{parent(), none} }},
	{"descriptor of another process", unix.SYS_PIDFD_GETFD, fixed(none)},
	{"compare with another process", unix.SYS_KCMP, fixed(none)},
	{"limits of another process", unix.SYS_PRLIMIT64, func() [6]uintptr { return [6]uintptr{parent(), unix.RLIMIT_MEMLOCK} }},
	{"shared memory", unix.SYS_SHMGET, nil},
	{"message queue", unix.SYS_MQ_OPEN, nil},

	{"be dumpable again", unix.SYS_PRCTL, fixed(unix.PR_SET_DUMPABLE, 1)},
	{"be traceable by name", unix.SYS_PRCTL, fixed(unix.PR_SET_PTRACER, none)},
	{"core files again", unix.SYS_PRLIMIT64, fixed(0, unix.RLIMIT_CORE)},
	{"core files again, the old way", unix.SYS_SETRLIMIT, fixed(unix.RLIMIT_CORE)},
	{"another filter", unix.SYS_SECCOMP, fixed(none)},
	{"another user", unix.SYS_SETRESUID, fixed(none, none, none)},
	{"capabilities", unix.SYS_CAPSET, nil},
	{"leave a namespace", unix.SYS_SETNS, fixed(none)},
	{"new namespace", unix.SYS_UNSHARE, fixed(none)},
	{"change what the kernel looks like", unix.SYS_PERSONALITY, fixed(0xffffffff)},

	{"mount", unix.SYS_MOUNT, nil},
	{"mount the new way", unix.SYS_FSOPEN, nil},
	{"move the root", unix.SYS_PIVOT_ROOT, nil},
	{"change the root", unix.SYS_CHROOT, nil},
	{"load a module", unix.SYS_FINIT_MODULE, fixed(none)},
	{"load a kernel", unix.SYS_KEXEC_LOAD, fixed(0, 0, 0, none)},
	{"program the kernel", unix.SYS_BPF, fixed(none)},
	{"count events", unix.SYS_PERF_EVENT_OPEN, nil},
	{"ring of requests", unix.SYS_IO_URING_SETUP, nil},
	{"page faults of its own", unix.SYS_USERFAULTFD, fixed(none)},
	{"keys of the kernel", unix.SYS_KEYCTL, fixed(none)},
	{"log of the kernel", unix.SYS_SYSLOG, fixed(none)},
	{"set the clock", unix.SYS_CLOCK_SETTIME, nil},
	{"swap", unix.SYS_SWAPON, nil},
	{"reboot", unix.SYS_REBOOT, nil},
}, special...)

// try makes the call and gives what the kernel said, if it says anything.
func (a attempt) try() unix.Errno {
	var args [6]uintptr
	if a.args != nil {
		args = a.args()
	}
	if other := a.otherTable(); other != nil {
		other()
		return 0
	}
	r, _, e := unix.RawSyscall6(a.nr, args[0], args[1], args[2], args[3], args[4], args[5])
	if a.nr == unix.SYS_CLONE && e == 0 && r == 0 { // allowed, and this is the child
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	runtime.KeepAlive(root)
	return e
}
