// Package emulated is for tests that start programs: under qemu-user a test
// runs, but the system cannot start what it built.
package emulated

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Skip skips the test where programs of its architecture cannot be started.
func Skip(t testing.TB) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(self, "-test.run=^$").Run(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("the system cannot start programs of this architecture")
	}
}
