package confine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"volar/internal/emulated"
)

// childMark is the first argument of a process that is one trial; loosen is
// the name of the attempt that its policy is opened for.
const (
	childMark = "confined-child"
	loosen    = "CONFINE_TEST_LOOSEN"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childMark {
		rules := policy(os.Getpid())
		if i := slices.IndexFunc(attempts, func(a attempt) bool { return a.name == os.Getenv(loosen) }); i >= 0 {
			// In front: the first rule for a call decides.
			rules = append([]rule{{name: "loosened", nr: uint32(attempts[i].nr)}}, rules...)
		}
		if err := do(os.Args[2:], rules); err != nil {
			fmt.Print(err)
			os.Exit(exitSurvived)
		}
		os.Exit(0)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

var built string

// static is this test as a program without a C library, as the vault is one:
// with it, threads are not made by Go alone.
var static = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "confine-test")
	if err != nil {
		return "", err
	}
	built = dir
	name := filepath.Join(dir, "child")
	cmd := exec.Command("go", "test", "-c", "-o", name, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return name, nil
})

// trial runs one in a child whose policy is opened for one attempt, or for none.
func trial(t *testing.T, loosened string, args ...string) string {
	t.Helper()
	name, err := static()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, append([]string{childMark}, args...)...)
	cmd.Env = []string{loosen + "=" + loosened}
	out, err := outcome(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Everything on the list kills, and what the vault does goes on.
func TestForbidden(t *testing.T) {
	emulated.Skip(t)
	for _, name := range []string{trialQuiet, trialWork} {
		if got := trial(t, "", name); got != wantWorks {
			t.Errorf("%s: %s", name, got)
		}
	}
	for i, a := range attempts {
		if got := trial(t, "", trialAttempt, fmt.Sprint(i)); got != wantKilled {
			t.Errorf("%s: %s", a.name, got)
		}
	}
}

// A policy with one system call more is seen: the attempt that uses it survives.
func TestOneCallTooMany(t *testing.T) {
	emulated.Skip(t)
	seen := 0
	for i, a := range attempts {
		if a.otherTable() != nil || a.nr&x32 != 0 {
			continue // no rule can name these
		}
		if got := trial(t, a.name, trialAttempt, fmt.Sprint(i)); got == wantKilled {
			t.Errorf("%s: killed though its call is allowed", a.name)
		}
		seen++
	}
	if seen < 60 {
		t.Errorf("%d calls tried", seen)
	}
}

func TestLandlockAlone(t *testing.T) {
	emulated.Skip(t)
	if got := trial(t, "", trialLandlock); got != wantWorks {
		t.Error(got)
	}
}

// The filter itself, in a machine of our own: every rule allows its call and
// nothing but it, on this table of system calls alone.
func TestProgram(t *testing.T) {
	const pid = 4242
	rules := policy(pid)
	p := program(rules)
	listed := map[uint32]rule{}
	for _, r := range rules {
		if _, twice := listed[r.nr]; twice {
			t.Errorf("%s is listed twice", r.name)
		}
		listed[r.nr] = r
	}
	for nr := range uint32(600) {
		r, ok := listed[nr]
		var args [6]uint32
		for _, c := range r.when {
			args[c.arg] = c.values[0]
		}
		if got := run(p, auditArch, nr, args); (got == allow) != ok {
			t.Errorf("call %d %s: %#x", nr, r.name, got)
		}
		for _, c := range r.when {
			wrong := args
			wrong[c.arg] = ^c.values[0] & c.mask
			if got := run(p, auditArch, nr, wrong); got != killProcess {
				t.Errorf("%s with argument %d %#x: %#x", r.name, c.arg, wrong[c.arg], got)
			}
			for _, v := range c.values {
				right := args
				right[c.arg] = v
				if got := run(p, auditArch, nr, right); got != allow {
					t.Errorf("%s with argument %d %#x: %#x", r.name, c.arg, v, got)
				}
			}
		}
		if run(p, auditArch, nr|x32, args) != killProcess || run(p, auditArch^1, nr, args) != killProcess || run(p, 0, nr, args) != killProcess {
			t.Errorf("call %d of another table is not killed", nr)
		}
	}
	if len(p) > 4096 {
		t.Errorf("%d instructions: more than the kernel takes", len(p))
	}
}

// run is the part of BPF that program uses.
func run(p []unix.SockFilter, arch, nr uint32, args [6]uint32) uint32 {
	var a uint32
	for at := 0; ; at++ {
		switch i := p[at]; i.Code {
		case 0x20: // load
			switch {
			case i.K == offNumber:
				a = nr
			case i.K == offArch:
				a = arch
			default:
				a = args[(i.K-offArgs)/8]
			}
		case 0x54:
			a &= i.K
		case 0x15:
			if a == i.K {
				at += int(i.Jt)
			} else {
				at += int(i.Jf)
			}
		case 0x35:
			if a >= i.K {
				at += int(i.Jt)
			} else {
				at += int(i.Jf)
			}
		case 0x06:
			return i.K
		default:
			panic(fmt.Sprintf("instruction %#x", i.Code))
		}
	}
}

func TestReport(t *testing.T) {
	r := Report{Arch: "a", Kernel: "k", Notices: []string{"n"}, Allowed: []string{"read"}, Findings: []Finding{
		{"one", wantKilled, wantKilled, true}, {"two", wantKilled, "exit status 3", false}}}
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil || !strings.Contains(b.String(), "WRONG two: exit status 3\nallowed: read\n1 of 2") {
		t.Errorf("%v: %s", err, &b)
	}
}
