// Command cameras is process 1 of a kernel that is tried: it loads the modules
// that its image brings and runs the tests of package v4l2 that want the
// kernel's virtual camera.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

const modules = "/lib/modules/boot/"

func main() {
	if err := run(); err != nil {
		fmt.Println("cameras:", err)
	} else {
		fmt.Println("cameras: passed")
	}
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
	const tests = "/v4l2.test"
	if err := os.Chmod(tests, 0o755); err != nil {
		return err
	}
	c := exec.Command(tests, "-test.run", "Vivid", "-test.v")
	c.Stdout, c.Stderr = os.Stdout, os.Stdout
	return c.Run()
}
