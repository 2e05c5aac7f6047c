//go:build linux && amd64

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"volar/internal/emulated"
)

// childEnv makes this test binary the process that is killed.
const childEnv = "CRASH_TEST_CHILD"

// order is what a child is told.
type order struct {
	Dir      string
	Scenario int
	TPM      *chipOrder // nil: the counter is a file
}

func TestMain(m *testing.M) {
	text := os.Getenv(childEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	if err := child(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sharedFD is the memory that a child shares with its supervisor.
const sharedFD = 3

func child(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	if err := confess(sharedFD); err != nil {
		return err
	}
	s := scenarios[o.Scenario]
	sealer, done, err := o.sealer(s.program)
	if err != nil {
		return err
	}
	defer done()
	return live(o.Dir, sealer, s)
}

// result is how a child ended.
type result struct {
	said   string
	count  int
	killed bool
}

// run plays a scenario in a child under a judge.
func run(t *testing.T, o order, judge func(n int) (bool, unix.Errno)) result {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.MemfdCreate("crash", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	memory := os.NewFile(uintptr(fd), "crash")
	defer memory.Close()
	if err := memory.Truncate(int64(os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	m, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(m)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GODEBUG=asyncpreemptoff=1")
	var said, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complaint
	cmd.ExtraFiles = []*os.File{memory}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listener, err := adopt(cmd.Process.Pid, m)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		if strings.Contains(complaint.String(), "seccomp") {
			t.Skipf("the kernel does not tell of system calls: %s", complaint.String())
		}
		t.Fatalf("%v: %s", err, complaint.String())
	}
	s := &supervisor{dir: o.Dir, judge: judge}
	err = s.watch(cmd.Process.Pid, listener)
	unix.Close(listener)
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	return result{said.String(), s.count, err != nil && strings.Contains(err.Error(), "killed")}
}

// never lets everything happen.
func never(int) (bool, unix.Errno) { return false, 0 }

// prepared is a folder as a scenario finds it.
func prepared(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c, err := newCounter(dir, [32]byte{oldProgram})
	if err != nil {
		t.Fatal(err)
	}
	v, err := start(dir, c, oldProgram)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range before {
		if err := v.do(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copied copies the files of a folder to a new one.
func copied(t *testing.T, from string) string {
	t.Helper()
	to, err := os.MkdirTemp("", "crash") // short: a socket may lie in it
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// points are those of 1 to n that this run tries: all of them where
// VOLAR_CRASH is "all", otherwise about some of them, the same every time.
func points(n, some int) (list []int) {
	stride := 1
	if os.Getenv("VOLAR_CRASH") != "all" {
		stride = max(1, n/some)
	}
	for k := 1; k <= n; k += stride {
		list = append(list, k)
	}
	return list
}

// leastPoints is how many points there are at least in all scenarios together.
const leastPoints = 400

// A process that is killed at any operation leaves a gallery with everything
// that it acknowledged.
func TestKilledAtEveryOperation(t *testing.T) {
	emulated.Skip(t)
	base := prepared(t)
	total, tried, missed := 0, 0, 0
	for i, s := range scenarios {
		dir := copied(t, base)
		all := run(t, order{Dir: dir, Scenario: i}, never)
		check(t, dir, s, all.said, "uninterrupted")
		total += all.count
		for _, k := range points(all.count, 15) {
			dir := copied(t, base)
			r := run(t, order{Dir: dir, Scenario: i}, func(n int) (bool, unix.Errno) { return n == k, 0 })
			if !r.killed { // changes that meet in another way this time make fewer operations
				missed++
			}
			tried++
			check(t, dir, s, r.said, fmt.Sprintf("killed at operation %d of %d", k, all.count))
		}
	}
	t.Logf("%d operations, %d of them tried, %d of these not reached", total, tried, missed)
	if missed > tried/10 {
		t.Errorf("%d of %d were not killed", missed, tried)
	}
	if total < leastPoints {
		t.Errorf("only %d operations, want %d", total, leastPoints)
	}
}

// A disk that fails at any operation, once or for good, and one that is full,
// lose nothing that was acknowledged.
func TestDiskFailsAtEveryOperation(t *testing.T) {
	emulated.Skip(t)
	base := prepared(t)
	tried := 0
	for i, s := range scenarios {
		dir := copied(t, base)
		all := run(t, order{Dir: dir, Scenario: i}, never)
		os.RemoveAll(dir)
		for _, k := range points(all.count, 5) {
			for name, judge := range map[string]func(n int) (bool, unix.Errno){
				"I/O error": func(n int) (bool, unix.Errno) { return false, when(n == k, unix.EIO) },
				"full disk": func(n int) (bool, unix.Errno) { return false, when(n == k, unix.ENOSPC) },
				"dead disk": func(n int) (bool, unix.Errno) { return false, when(n >= k, unix.EIO) },
			} {
				dir := copied(t, base)
				r := run(t, order{Dir: dir, Scenario: i}, judge)
				tried++
				check(t, dir, s, r.said, fmt.Sprintf("%s at operation %d", name, k))
			}
		}
	}
	t.Logf("%d failures", tried)
}

func when(hit bool, err unix.Errno) unix.Errno {
	if hit {
		return err
	}
	return 0
}

// check looks at what a child left in a folder, and removes it.
func check(t *testing.T, dir string, s scenario, said, what string) {
	t.Helper()
	defer os.RemoveAll(dir)
	c, err := newCounter(dir, [32]byte{s.program})
	if err == nil {
		err = consistent(dir, c, s.program, said)
	}
	if err != nil {
		t.Errorf("%s, %s: %v\nit said:\n%s", s.name, what, err, said)
	}
}
