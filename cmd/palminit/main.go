// Command palminit is process 1 of a unit, twice.
//
// Stage 1 runs from the initramfs that the boot loader's signature covers: it
// reads the whole root of its slot through dm-verity, marks the slot bad where
// one bit of it is wrong, and otherwise moves into it. Stage 2 is the same
// program, started from the verified root: it opens the unit's secret and the
// data partition, serves the provisioning port, keeps the unit up to date and
// the device program running.
//
// Nothing is read from the environment: the kernel puts unknown words of its
// command line there, and the signature does not cover that line.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "palminit: this is process 1 of a unit; there is nothing to run by hand")
		os.Exit(2)
	}
	debug.SetTraceback("all") // a crash of process 1 is a crash of the unit: let the console say all of it
	os.Clearenv()
	var err error
	if len(os.Args) == 3 && os.Args[1] == stage2Word {
		err = stage2(os.Args[2])
	} else {
		err = stage1()
	}
	say("%v", err)
	restart()
}

// say writes a line to the console, for who watches a boot.
func say(format string, args ...any) {
	fmt.Fprintf(console, "volar: "+format+"\r\n", args...)
}

// restart resets the machine. The boot loader decides what runs next.
func restart() {
	unix.Sync()
	time.Sleep(100 * time.Millisecond) // for the console's last line
	for {
		unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
		time.Sleep(time.Second)
	}
}
