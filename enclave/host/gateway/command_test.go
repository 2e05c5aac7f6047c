package gateway

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"volar/internal/emulated"
	"volar/wire"
)

// command launches this test binary as a vault and gives the file with what it printed.
func command(t *testing.T, mode string) (Launch, string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	launch, err := Command([]string{"/usr/bin/env", vaultMode + "=" + mode, os.Args[0]}, out)
	if err != nil {
		t.Fatal(err)
	}
	return launch, out.Name()
}

func TestProcessAsVault(t *testing.T) {
	emulated.Skip(t)
	launch, output := command(t, "echo")
	addr, _ := overTCP(t, launch)
	c := dialTCP(t, addr)
	defer c.Close()
	mustCall(t, c, "through two sockets and a process")
	if b, err := os.ReadFile(output); err != nil || string(b) != "vault echo\n" {
		t.Errorf("its output: %q, %v", b, err)
	}
}

func TestProcessThatDiesIsStartedAgain(t *testing.T) {
	emulated.Skip(t)
	launch, _ := command(t, "die")
	addr, b := overTCP(t, launch)
	for i := range 2 {
		c := redial(t, addr)
		wire.WriteFrame16(c, []byte("the frame in which it dies"))
		mustEnd(t, c)
		c.Close()
		for end := time.Now().Add(5 * time.Second); b.value("palmhost_connections_closed_total", "reason", endVaultGone) != float64(i+1); {
			if time.Now().After(end) {
				t.Fatal("the connection's end was not counted")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// redial waits for a vault that answers.
func redial(t *testing.T, addr string) net.Conn {
	t.Helper()
	for range 500 {
		c := dialTCP(t, addr)
		if got, err := call(c, "first"); err == nil && got == "first" {
			return c
		}
		c.Close()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no vault came back")
	return nil
}

func TestEachVaultInheritsItsOwnLinksAlone(t *testing.T) {
	list := []string{"ls", "/proc/self/fd"}
	plain := exec.Command(list[0], list[1:]...) // shows what whoever runs this test lets slip through
	plain.ExtraFiles = []*os.File{os.Stdin, os.Stdin}
	want, err := plain.Output()
	if err != nil {
		t.Fatal(err)
	}
	first, err := start([]string{"sleep", "100"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Kill()
	out, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := start(list, out)
	if err != nil {
		t.Fatal(err)
	}
	<-second.Done
	got, err := os.ReadFile(out.Name())
	if err != nil || second.Err() != nil {
		t.Fatal(err, second.Err())
	}
	if string(got) != string(want) {
		t.Errorf("the second vault has descriptors %v, want %v", strings.Fields(string(got)), strings.Fields(string(want)))
	}
}

func TestLinksEndWithTheProcess(t *testing.T) {
	v, err := start([]string{"false"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{v.Sessions, v.Blobs} {
		mustEnd(t, c)
		c.Close()
	}
	<-v.Done
	var exit *exec.ExitError
	if err := v.Err(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}

func TestKillTakesTheWholeGroup(t *testing.T) {
	for _, c := range []struct {
		name, script string
		kill         bool
	}{
		{"killed", "sleep 100 & echo $! >&3; wait", true},
		{"its leader ended", "sleep 100 & echo $! >&3", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := start([]string{"sh", "-c", c.script}, os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Sessions.Close()
			defer v.Blobs.Close()
			line := make([]byte, 32)
			n, err := v.Sessions.Read(line)
			if err != nil {
				t.Fatal(err)
			}
			child, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
			if err != nil {
				t.Fatal(err)
			}
			if c.kill {
				v.Kill()
			}
			<-v.Done
			v.Kill() // of one that is gone does nothing
			for end := time.Now().Add(5 * time.Second); alive(child); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("process %d of the group lives", child)
				}
			}
		})
	}
}

// alive says whether a process runs; one that nobody has waited for does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func TestCommandRefuses(t *testing.T) {
	for _, argv := range [][]string{nil, {}, {""}} {
		if _, err := Command(argv, os.Stderr); err == nil {
			t.Errorf("Command(%q) succeeded", argv)
		}
	}
	launch, err := Command([]string{"/no/such/program"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := launch(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("launch: %v", err)
	}
}
