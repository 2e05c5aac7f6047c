package confine

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (linux/seccomp.h).
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16 // eight bytes each, low half first
)

const (
	killProcess = unix.SECCOMP_RET_KILL_PROCESS
	allow       = unix.SECCOMP_RET_ALLOW
	x32         = 0x40000000 // the bit of amd64's second table of system calls
)

// program is a filter that allows what the rules allow and ends the process
// at anything else, also at a call of another architecture's table.
func program(rules []rule) []unix.SockFilter {
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		and  = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jge  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K
	)
	ins := func(code uint16, yes, no uint8, k uint32) unix.SockFilter {
		return unix.SockFilter{Code: code, Jt: yes, Jf: no, K: k}
	}
	p := []unix.SockFilter{
		ins(load, 0, 0, offArch),
		ins(jeq, 1, 0, auditArch),
		ins(ret, 0, 0, killProcess),
		ins(load, 0, 0, offNumber),
		ins(jge, 0, 1, x32),
		ins(ret, 0, 0, killProcess),
	}
	for _, r := range rules {
		var body []unix.SockFilter
		for _, c := range r.when {
			body = append(body, ins(load, 0, 0, offArgs+8*uint32(c.arg)), ins(and, 0, 0, c.mask))
			for i, v := range c.values { // a match leaves the list; after the last value comes death
				body = append(body, ins(jeq, uint8(len(c.values)-i), 0, v))
			}
			body = append(body, ins(ret, 0, 0, killProcess))
		}
		body = append(body, ins(ret, 0, 0, allow))
		p = append(p, ins(jeq, 0, uint8(len(body)), r.nr))
		p = append(p, body...)
	}
	return append(p, ins(ret, 0, 0, killProcess))
}

// filter puts a filter on every thread. It cannot be taken off.
func filter(p []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	stray, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	switch {
	case e != 0:
		return fmt.Errorf("filter system calls: %w", e)
	case stray != 0:
		return fmt.Errorf("filter system calls: thread %d does not follow", stray)
	}
	return nil
}
