package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// special are what only this architecture has: old calls, and two other
// tables of system calls.
var special = []attempt{
	{"open a file the old way", unix.SYS_OPEN, func() [6]uintptr { return [6]uintptr{path()} }},
	{"ports of the machine", unix.SYS_IOPL, fixed(none)},
	{"segments of the machine", unix.SYS_MODIFY_LDT, fixed(none)},
	{"call of the x32 table", unix.SYS_GETPID | x32, nil},
	{"call of the i386 table", viaInt80, nil},
}

// viaInt80 stands for getpid of a 32-bit program.
const viaInt80 = none

// int80 makes getpid as 32-bit programs do.
func int80()

// otherTable is how an attempt is made that no ordinary call makes.
func (a attempt) otherTable() func() {
	if a.nr == viaInt80 {
		return int80
	}
	return nil
}
