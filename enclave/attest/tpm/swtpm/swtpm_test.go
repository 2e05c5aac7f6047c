package swtpm

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func folder(t *testing.T) string {
	t.Helper()
	if err := Missing(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "tpm") // a socket's path may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listens tells whether a TPM answers, at once or soon.
func listens(dir string, want bool) bool {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", Socket(dir))
		if err == nil {
			c.Close()
		}
		if (err == nil) == want {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func TestStart(t *testing.T) {
	dir := folder(t)
	tpm, err := Start(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !listens(dir, true) {
		t.Error("a TPM that was started does not answer")
	}
	tpm.Kill()
	if !listens(dir, false) {
		t.Error("a TPM that was killed answers")
	}
	if _, err := Start("/proc/nowhere"); err == nil {
		t.Error("a TPM without a folder starts")
	}
	t.Setenv("PATH", "")
	if _, err := Start(dir); !errors.Is(err, ErrMissing) {
		t.Errorf("without swtpm: %v", err)
	}
}

// A machine's TPM ends with the program of the machine, however that ends,
// and the program is the process that was started: its signals and its exit
// code are its own.
func TestMachine(t *testing.T) {
	dir := folder(t)
	argv := Machine(dir, "sleep", "60")
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !listens(dir, true) {
		t.Error("the machine's TPM does not answer")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !listens(dir, false) {
		t.Error("the TPM outlives its machine")
	}
	argv = Machine(dir, "sh", "-c", "echo $1; exit 7", "-", "a 'word'")
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || strings.TrimSpace(string(out)) != "a 'word'" {
		t.Errorf("%v, said %q", err, out)
	}
}
