package confine

import "golang.org/x/sys/unix"

// rule allows one system call, where every condition on its arguments holds.
type rule struct {
	name string
	nr   uint32
	when []condition
}

// condition holds when argument arg, masked, is one of values. Only the low 32
// bits are looked at: everything tested here is an int or fits one, and the
// kernel ignores the rest as well.
type condition struct {
	arg    int
	mask   uint32
	values []uint32
}

func is(arg int, values ...uint32) condition { return condition{arg, 0xffffffff, values} }
func without(arg int, bits uint32) condition { return condition{arg, bits, []uint32{0}} }

// threadFlags is how the Go runtime, and nothing else here, makes threads
// (runtime/os_linux.go, cloneFlags; amd64 sets the thread's storage with it):
// no other process, no new namespace.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD

// policy is all that a locked process may ask of the kernel: bytes over the
// descriptors that it has, memory that cannot be executed, threads of its own,
// time and randomness. pid is its own number.
func policy(pid int) []rule {
	return []rule{
		// Descriptors that are there already.
		{name: "read", nr: unix.SYS_READ},
		{name: "write", nr: unix.SYS_WRITE},
		{name: "close", nr: unix.SYS_CLOSE},
		{name: "fcntl", nr: unix.SYS_FCNTL, when: []condition{is(1, unix.F_GETFL, unix.F_SETFL)}},
		{name: "epoll_create1", nr: unix.SYS_EPOLL_CREATE1},
		{name: "epoll_ctl", nr: unix.SYS_EPOLL_CTL},
		{name: "epoll_pwait", nr: unix.SYS_EPOLL_PWAIT},
		{name: "eventfd2", nr: unix.SYS_EVENTFD2},

		// Memory, never executable. Secret memory is a file without a name, which
		// is given its length and mapped.
		{name: "mmap", nr: unix.SYS_MMAP, when: []condition{without(2, unix.PROT_EXEC)}},
		{name: "mprotect", nr: unix.SYS_MPROTECT, when: []condition{without(2, unix.PROT_EXEC)}},
		{name: "munmap", nr: unix.SYS_MUNMAP},
		{name: "madvise", nr: unix.SYS_MADVISE},
		{name: "mlock", nr: unix.SYS_MLOCK},
		{name: "memfd_secret", nr: unix.SYS_MEMFD_SECRET},
		{name: "ftruncate", nr: unix.SYS_FTRUNCATE},
		{name: "getrlimit", nr: unix.SYS_GETRLIMIT, when: []condition{is(0, unix.RLIMIT_MEMLOCK)}},
		{name: "setrlimit", nr: unix.SYS_SETRLIMIT, when: []condition{is(0, unix.RLIMIT_MEMLOCK)}},
		{name: "prlimit64", nr: unix.SYS_PRLIMIT64, when: []condition{is(0, 0), is(1, unix.RLIMIT_MEMLOCK)}},
		{name: "prctl", nr: unix.SYS_PRCTL, when: []condition{is(0, unix.PR_SET_VMA)}}, // names of the runtime's memory

		// Threads and signals of this process.
		{name: "clone", nr: unix.SYS_CLONE, when: []condition{is(0, threadFlags, threadFlags|unix.CLONE_SETTLS)}},
		{name: "futex", nr: unix.SYS_FUTEX},
		{name: "sched_yield", nr: unix.SYS_SCHED_YIELD},
		{name: "sched_getaffinity", nr: unix.SYS_SCHED_GETAFFINITY},
		{name: "getpid", nr: unix.SYS_GETPID},
		{name: "gettid", nr: unix.SYS_GETTID},
		{name: "tgkill", nr: unix.SYS_TGKILL, when: []condition{is(0, uint32(pid))}},
		{name: "rt_sigaction", nr: unix.SYS_RT_SIGACTION},
		{name: "rt_sigprocmask", nr: unix.SYS_RT_SIGPROCMASK},
		{name: "rt_sigreturn", nr: unix.SYS_RT_SIGRETURN},
		{name: "sigaltstack", nr: unix.SYS_SIGALTSTACK},
		{name: "restart_syscall", nr: unix.SYS_RESTART_SYSCALL},
		{name: "exit", nr: unix.SYS_EXIT},
		{name: "exit_group", nr: unix.SYS_EXIT_GROUP},

		// Time and randomness.
		{name: "nanosleep", nr: unix.SYS_NANOSLEEP},
		{name: "clock_gettime", nr: unix.SYS_CLOCK_GETTIME},
		{name: "getrandom", nr: unix.SYS_GETRANDOM},
	}
}
