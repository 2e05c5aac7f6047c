// Command computer is process 1 of a kernel that is tried in a virtual
// machine: it loads the modules that its image brings, runs what the file
// /commands lists, and switches off. On the console it repeats each command,
// with what that said and its exit status.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const modules = "/lib/modules/boot/"

func main() {
	if err := run(); err != nil {
		fmt.Println("computer:", err)
	}
	fmt.Println("computer: off")
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() error {
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	order, err := os.ReadFile(modules + "order")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(order)) {
		name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		f, err := os.Open(modules + name)
		if err != nil {
			return err
		}
		if err := unix.FinitModule(int(f.Fd()), args, 0); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f.Close()
	}
	commands, err := os.ReadFile("/commands")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(commands)) {
		line = strings.TrimSpace(line)
		said, err := do(line)
		fmt.Printf("$ %s\n%s", line, said)
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("exit status 0")
		}
	}
	return nil
}

// do runs a program with its arguments, with what "echo WORD |" says as its
// input, or mounts a disk to read it, once that has appeared.
func do(line string) (said []byte, err error) {
	typed, line, piped := strings.Cut(line, " | ")
	if !piped {
		line = typed
	}
	words := strings.Fields(line)
	switch words[0] {
	case "mount": // kind, disk, folder
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			err = unix.Mount(words[2], words[3], words[1], unix.MS_RDONLY, "")
			if err != unix.ENOENT || time.Now().After(end) {
				return nil, err
			}
		}
	case "umount":
		return nil, unix.Unmount(words[1], 0)
	}
	if err := os.Chmod(words[0], 0o755); err != nil {
		return nil, err
	}
	c := exec.Command(words[0], words[1:]...)
	if piped {
		c.Stdin = bytes.NewReader([]byte(strings.TrimPrefix(typed, "echo ") + "\n"))
	}
	return c.CombinedOutput()
}
