package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"volar/wire"
)

// Real processes: enrol, kill -9, start again, recognise, delete, kill, start, forget.
func TestProcesses(t *testing.T) {
	b := newBox(t)
	r := b.start()
	s := r.mustDial()
	one := enrol(t, s, 1)
	two := enrol(t, s, 2)
	identify := func(palm uint64, want wire.Answer) {
		t.Helper()
		if a := wave(t, s, wire.Identify, wire.Person{}, wire.Right, palm); a != want {
			t.Errorf("palm %d: %v %x, want %v", palm, a.Status, a.Person[:2], want.Status)
		}
	}
	identify(1, wire.Answer{Status: wire.Accepted, Person: one})
	identify(3, wire.Answer{})
	kill := func() {
		t.Helper()
		pid := r.vaultPID()
		if err := r.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-r.done
		// The vault dies with its launcher.
		for deadline := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the vault outlives its launcher")
			}
		}
		r = b.start()
		s = r.mustDial()
	}
	kill()
	identify(1, wire.Answer{Status: wire.Accepted, Person: one})
	identify(2, wire.Answer{Status: wire.Accepted, Person: two})
	if a := wave(t, s, wire.Delete, one, wire.Left, 1); a.Status != wire.Accepted {
		t.Errorf("delete: %v", a.Status)
	}
	kill()
	identify(1, wire.Answer{})
	identify(2, wire.Answer{Status: wire.Accepted, Person: two})

	said := r.stop()
	if !strings.Contains(said, "UNMEASURED boot") || !strings.Contains(said, "ready") {
		t.Errorf("the vault said %q", said)
	}
	for _, secret := range []string{"acme", fmt.Sprintf("%x", one[:]), fmt.Sprintf("%x", two[:])} {
		if strings.Contains(said, secret) {
			t.Errorf("the vault said %q, which holds %q", said, secret)
		}
	}
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// Neither process can be looked into or leaves a core, and the vault has
// nothing of the host's environment.
func TestConfined(t *testing.T) {
	b := newBox(t)
	t.Setenv("VOLAR_TEST_MARK", "planted")
	stray, err := syscall.Dup(2) // a careless host lets a child inherit this
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(stray)
	r := b.start()
	r.mustDial()
	vault := r.vaultPID()
	for name, pid := range map[string]int{"palmlaunch": r.cmd.Process.Pid, "palmvault": vault} {
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil && os.Geteuid() != 0 {
			t.Errorf("another process of this user can look into %s", name)
		}
		if err != nil || !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
			t.Errorf("%s may dump core: %v\n%s", name, err, limits)
		}
	}
	if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", vault)); err == nil && bytes.Contains(env, []byte("planted")) {
		t.Errorf("the vault has the host's environment: %q", env)
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", vault))
	if err == nil && !strings.Contains(exe, "memfd:palmvault") {
		t.Errorf("the vault runs %s, not the sealed copy", exe)
	}
	messages := 0 // where the vault has moved its standard error, which is the host's
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", vault))
	if err == nil {
		for _, f := range files {
			to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", vault, f.Name()))
			if len(f.Name()) == 1 && f.Name() <= "2" {
				continue // the host's: null, and where messages go
			}
			if strings.HasPrefix(to, "pipe:") {
				if messages++; messages == 1 {
					continue
				}
			}
			ours := strings.HasPrefix(to, "socket:") || strings.HasPrefix(to, "anon_inode:") || to == "/dev/null"
			if runtime := strings.HasPrefix(to, "/sys/fs/cgroup/"); !ours && !runtime {
				t.Errorf("the vault has %s open as %s", to, f.Name())
			}
		}
	}
	r.stop()
}

// Whoever ends the launcher with a signal gets no registers and no stacks of it.
func TestLauncherShowsNothing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV} {
		b := newBox(t)
		r := b.start()
		r.mustDial()
		if err := r.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		<-r.done
		if said := r.said.String(); strings.Contains(said, "goroutine") || strings.Contains(said, "0x") {
			t.Errorf("%v: the launcher said %q", signal, said)
		}
	}
}

// Another program under the same name has another measurement, so a device
// that knows the first one does not speak to it.
func TestAnotherProgramIsRefused(t *testing.T) {
	b := newBox(t)
	bin := t.TempDir()
	for _, name := range []string{"palmlaunch", "palmvault"} {
		p, err := os.ReadFile(filepath.Join(b.bin, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "palmvault" {
			p = append(p, 0) // still runs
		}
		if err := os.WriteFile(filepath.Join(bin, name), p, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.bin = bin
	r := b.start()
	if err := <-r.done; err == nil || !strings.Contains(r.said.String(), "it approves vault") {
		t.Errorf("a vault without approval: %v, said %q", err, r.said)
	}
	known := b.facts
	b.print()
	b.approve(release)
	b.facts = known
	r = b.start()
	if s, err := r.dial(); err == nil {
		s.Close()
		t.Error("a device accepts a vault that it does not know")
	} else if !strings.Contains(err.Error(), "vault program not on the list") {
		t.Error(err)
	}
	r.stop()
}

// stranger is somebody's key that signs no releases.
var stranger = func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}()

// A wrong start says what is wrong, and shows nothing of what it read.
func TestRefusesToStart(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*box)
		want    string
	}{
		"damaged state":  {func(b *box) { b.write("state/"+tpmFile, "planted") }, "not the state of a platform on a TPM"},
		"no approval":    {func(b *box) { b.write("approval", "planted") }, "no approval in its one encoding"},
		"other release":  {func(b *box) { b.approve(stranger) }, "signed by another release key"},
		"unknown key":    {func(b *box) { b.write("vault.toml", "surprise = 1\n") }, "unknown key"},
		"no tenants":     {func(b *box) { b.write("vault.toml", "\n") }, "no [[tenants]]"},
		"short operator": {func(b *box) { b.write("vault.toml", "[[tenants]]\nname = \"a\"\noperator = \"00\"\n") }, "64 hex digits"},
		"too permissive": {func(b *box) { b.write("vault.toml", "false_positives = 0.5\n"+b.read("vault.toml")) }, "false-positive rate"},
		"lost gallery": {func(b *box) {
			r := b.start()
			r.mustDial()
			r.stop()
			b.blobs = map[string][]byte{}
		}, "older than the platform's counter, or empty"},
		"lost platform": {func(b *box) {
			r := b.start()
			r.mustDial()
			r.stop()
			if err := os.Remove(b.path("state/" + tpmFile)); err != nil {
				t.Fatal(err)
			}
		}, "has an owner already"},
	} {
		b := newBox(t)
		c.prepare(b)
		r := b.start()
		if err := <-r.done; err == nil || !strings.Contains(r.said.String(), c.want) || strings.Contains(r.said.String(), "planted") {
			t.Errorf("%s: %v, said %q, want %q", name, err, r.said, c.want)
		}
	}
}

// One platform serves one vault at a time.
func TestStateIsLocked(t *testing.T) {
	b := newBox(t)
	first := b.start()
	first.mustDial()
	argv := b.arguments("-config", b.path("vault.toml"), "-approval", b.path("approval"))
	second := b.run(exec.Command(argv[0], argv[1:]...)) // on the same TPM
	if err := <-second.done; err == nil || !strings.Contains(second.said.String(), "another palmlaunch uses it") {
		t.Errorf("a second launcher: %v, said %q", err, second.said)
	}
	first.stop()
}

func (b *box) write(name, content string) {
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(name string) string {
	content, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(content)
}

// Whenever it is killed: who was told that the enrolment is done is there
// after the next start, and who was told that they are forgotten is not.
func TestKilledAnywhere(t *testing.T) {
	b := newBox(t)
	enrolled, forgotten := map[uint64]wire.Person{}, map[uint64]bool{}
	rng := mathrand.New(mathrand.NewPCG(uint64(time.Now().UnixNano()), 1)) // another place every time
	for life := range uint64(6) {
		r := b.start()
		s := r.mustDial()
		for palm, who := range enrolled {
			if a := wave(t, s, wire.Verify, who, wire.Left, palm); a.Status != wire.Accepted {
				t.Errorf("life %d: palm %d was enrolled and is %v", life, palm, a.Status)
			}
		}
		for palm := range forgotten {
			if a := wave(t, s, wire.Identify, wire.Person{}, wire.Left, palm); a.Status != wire.Refused {
				t.Errorf("life %d: palm %d was forgotten and is %v", life, palm, a.Status)
			}
		}
		after := time.Duration(rng.IntN(1500)) * time.Millisecond
		time.AfterFunc(after, func() { _ = r.cmd.Process.Kill() })
		for palm := 100 * life; ; palm++ { // until it dies
			who, err := tryEnrol(s, palm)
			if err != nil {
				break
			}
			enrolled[palm] = who
			if palm%2 == 0 {
				continue
			}
			delete(enrolled, palm) // from here on either may be true
			a, err := try(s, wire.Delete, who, wire.Left, palm)
			if err != nil {
				break
			}
			if a.Status == wire.Accepted {
				forgotten[palm] = true
			}
		}
		<-r.done
	}
	t.Logf("%d enrolled, %d forgotten", len(enrolled), len(forgotten))
}
