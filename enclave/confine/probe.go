package confine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Finding is what came of one trial.
type Finding struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	OK   bool   `json:"ok"`
}

// Report is what Probe found.
type Report struct {
	Version  int       `json:"version"`
	Arch     string    `json:"arch"`
	Kernel   string    `json:"kernel"`
	Notices  []string  `json:"notices"`
	Allowed  []string  `json:"allowed"` // the system calls that the policy lists
	Findings []Finding `json:"findings"`
	OK       bool      `json:"ok"`
}

// Words for what a trial should come to.
const (
	wantKilled = "killed"
	wantWorks  = "works"
)

// The trials that are not attempts.
const (
	trialQuiet    = "quiet"    // what Quiet has set can be read back
	trialLandlock = "landlock" // Landlock alone refuses files and ports
	trialWork     = "work"     // a locked process does its own work
	trialAttempt  = "attempt"  // and the number of an attempt
)

const probeLimit = 20 * time.Second

// exitSurvived is a child's code when what should have killed it did not.
const exitSurvived = 3

// Probe runs every trial, each in a child: this program again with the
// arguments that child gives. The child calls Child.
func Probe(ctx context.Context, child func(trial []string) []string) (Report, error) {
	r := Report{Version: 1, Arch: runtime.GOARCH, Kernel: release(), Notices: []string{}, OK: true}
	for _, rule := range policy(os.Getpid()) {
		r.Allowed = append(r.Allowed, rule.name)
	}
	add := func(name, want string, trial ...string) error {
		got, err := runTrial(ctx, child(trial))
		if err != nil {
			return fmt.Errorf("confine: probe: %s: %w", name, err)
		}
		f := Finding{Name: name, Want: want, Got: got, OK: got == want}
		r.Findings = append(r.Findings, f)
		r.OK = r.OK && f.OK
		return nil
	}
	if v, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); e != 0 {
		r.Notices = append(r.Notices, "Landlock is not in this kernel: seccomp stands alone")
	} else {
		r.Notices = append(r.Notices, fmt.Sprintf("Landlock version %d", v))
		if err := add("Landlock alone: no file, no TCP port", wantWorks, trialLandlock); err != nil {
			return Report{}, err
		}
	}
	err := errors.Join(
		add("no core, not dumpable, no new privileges, no standard error", wantWorks, trialQuiet),
		add("threads, garbage collection, timers, randomness, secret memory", wantWorks, trialWork),
	)
	for i, a := range attempts {
		if err == nil {
			err = add(a.name, wantKilled, trialAttempt, fmt.Sprint(i))
		}
	}
	return r, err
}

// runTrial says what became of a child.
func runTrial(ctx context.Context, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Env = []string{"GOTRACEBACK=none"}
	return outcome(ctx, cmd)
}

func outcome(ctx context.Context, cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "does not end", nil
	case err == nil:
		return wantWorks, nil
	case !errors.As(err, &ended):
		return "", err
	}
	if ws := ended.Sys().(syscall.WaitStatus); ws.Signaled() && ws.Signal() == unix.SIGSYS {
		return wantKilled, nil
	}
	return fmt.Sprintf("%s, %s", ended, out), nil
}

// Child does one trial in this process, which ends with it.
func Child(trial []string) {
	if err := do(trial, policy(os.Getpid())); err != nil {
		fmt.Print(err)
		os.Exit(exitSurvived)
	}
}

func do(trial []string, rules []rule) error {
	voice, err := Quiet(unix.Stderr + 1)
	if err != nil {
		return err
	}
	switch trial[0] {
	case trialQuiet:
		return quietHolds()
	case trialLandlock:
		return landlockHolds()
	}
	if _, err := lock(int(voice.Fd()), rules); err != nil {
		return err
	}
	if trial[0] == trialWork {
		return work()
	}
	var i int
	if _, err := fmt.Sscan(trial[1], &i); err != nil || i < 0 || i >= len(attempts) {
		return fmt.Errorf("no trial %q", trial)
	}
	return fmt.Errorf("the kernel said: %w", attempts[i].try())
}

// quietHolds reads back what Quiet has set.
func quietHolds() error {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		return fmt.Errorf("dumpable is %d, %v", dumpable, err)
	}
	noNew, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil || noNew != 1 {
		return fmt.Errorf("no_new_privs is %d, %v", noNew, err)
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core.Max != 0 {
		return fmt.Errorf("core files of %d bytes, %v", core.Max, err)
	}
	to, err := os.Readlink("/proc/self/fd/2")
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOENT) {
		return nil // no /proc to ask
	}
	if err != nil || to != os.DevNull {
		return fmt.Errorf("standard error leads to %s, %v", to, err)
	}
	return nil
}

// landlockHolds tries a folder and a port with nothing but Landlock in the way.
func landlockHolds() error {
	if _, err := os.ReadDir("/"); err != nil {
		return fmt.Errorf("a folder cannot be read to begin with: %w", err)
	}
	abi, err := landlock()
	if err != nil {
		return err
	}
	if _, err := os.ReadDir("/"); !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("a folder, with Landlock: %w", err)
	}
	if abi < 4 {
		return nil
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(s, &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}}); !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("a port, with Landlock: %w", err)
	}
	return nil
}

// work is what the vault's process does beside its own code.
func work() error {
	done := make(chan int)
	for range 64 {
		go func() {
			runtime.LockOSThread() // a thread of its own, which ends with it
			sum := 0
			for range 500 {
				sum += len(make([]byte, 4096))
			}
			runtime.GC()
			time.Sleep(time.Millisecond)
			done <- sum
		}()
	}
	for range 64 {
		<-done
	}
	_, _ = rand.Read(make([]byte, 32))
	fd, err := unix.MemfdSecret(unix.O_CLOEXEC)
	if errors.Is(err, unix.ENOSYS) {
		return nil // not in this kernel, or switched off: ordinary locked memory serves
	}
	if err != nil {
		return fmt.Errorf("secret memory: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(os.Getpagesize())); err != nil {
		return fmt.Errorf("secret memory: %w", err)
	}
	b, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("secret memory: %w", err)
	}
	b[0] = 1
	return nil
}

// WriteTo writes the report for people.
func (r Report) WriteTo(w io.Writer) (n int64, err error) {
	text := fmt.Sprintf("Linux %s, %s\n", r.Kernel, r.Arch)
	for _, s := range r.Notices {
		text += s + "\n"
	}
	bad := 0
	for _, f := range r.Findings {
		mark := "good "
		if !f.OK {
			mark, bad = "WRONG", bad+1
		}
		text += fmt.Sprintf("%s %s: %s\n", mark, f.Name, f.Got)
	}
	text += fmt.Sprintf("allowed: %s\n", strings.Join(r.Allowed, " "))
	text += fmt.Sprintf("%d of %d as they should be\n", len(r.Findings)-bad, len(r.Findings))
	m, err := io.WriteString(w, text)
	return int64(m), err
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
