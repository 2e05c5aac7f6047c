package memory

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"volar/internal/emulated"
)

// flags are the VmFlags of the mapping that holds b (proc(5): dd is kept out of core
// dumps, dc out of forks, lo locked, hg asks for huge pages).
func flags(t *testing.T, b []byte) []string {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip("no /proc/self/smaps here")
	}
	defer f.Close()
	at, inside := address(b), false
	for s := bufio.NewScanner(f); s.Scan(); {
		var low, high uintptr
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &low, &high); n == 2 {
			inside = low <= at && at < high
		}
		if list, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok && inside {
			return strings.Fields(list)
		}
	}
	t.Fatalf("no mapping holds %x", at)
	return nil
}

func has(list []string, flag string) bool { return slices.Contains(list, flag) }

func TestMapIsSecluded(t *testing.T) {
	emulated.Skip(t)
	for _, n := range []int{1, 4096, huge, 3*huge + 1} {
		r, err := Map(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Bytes()) < n || len(r.Bytes()) != cap(r.Bytes()) || !bytes.Equal(r.Bytes(), make([]byte, len(r.Bytes()))) {
			t.Errorf("%d bytes: got %d of %d", n, len(r.Bytes()), cap(r.Bytes()))
		}
		if n >= huge && address(r.Bytes())%huge != 0 {
			t.Errorf("%d bytes lie at %x: no huge page fits", n, address(r.Bytes()))
		}
		list := flags(t, r.Bytes())
		for _, f := range []string{"dd", "dc"} {
			if !has(list, f) {
				t.Errorf("%d bytes: flags %v lack %s", n, list, f)
			}
		}
		if has(list, "lo") != r.Locked() {
			t.Errorf("%d bytes: locked is %v, the kernel says %v", n, r.Locked(), list)
		}
		if n >= huge && !has(list, "hg") {
			t.Logf("%d bytes: this kernel has no huge pages to advise: %v", n, list)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if r.Bytes() != nil || r.Locked() || r.Close() != nil {
			t.Errorf("%d bytes: closed, and yet open", n)
		}
	}
}

// Where the limit on locked memory is too low, the memory is given all the same, and says so.
func TestMapUnlocked(t *testing.T) {
	emulated.Skip(t)
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil {
		t.Fatal(err)
	}
	l.Max = min(l.Max, 1<<20)
	l.Cur = l.Max / 2
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and end it with the goroutine: it has lost a capability
		done <- func() error {
			if err := dropLockCapability(); err != nil {
				return err
			}
			for n, locked := range map[int]bool{int(l.Max): false, 4096: true} {
				r, err := Map(n + 4096)
				if err != nil {
					return err
				}
				defer r.Close()
				if r.Locked() != locked {
					return fmt.Errorf("%d bytes beyond a limit of %d: locked is %v", n+4096, l.Max, r.Locked())
				}
			}
			return nil
		}()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// dropLockCapability makes the limit hold for this thread although it is root's.
func dropLockCapability() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&head, &sets[0]); err != nil {
		return err
	}
	sets[0].Effective &^= 1<<unix.CAP_IPC_LOCK | 1<<unix.CAP_SYS_RESOURCE
	return unix.Capset(&head, &sets[0])
}

func TestSecret(t *testing.T) {
	r, err := Secret(5000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Log("the kernel gives memfd_secret:", r.Secret())
	if len(r.Bytes()) < 5000 {
		t.Errorf("%d bytes", len(r.Bytes()))
	}
	copy(r.Bytes(), "key")
	r.Wipe()
	if r.Bytes()[0] != 0 {
		t.Error("not wiped")
	}
	if !r.Secret() {
		return
	}
	if list := flags(t, r.Bytes()); !has(list, "dd") || !has(list, "dc") || !has(list, "lo") {
		t.Errorf("flags %v", list)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	if _, err := mem.ReadAt(make([]byte, 16), int64(address(r.Bytes()))); err == nil {
		t.Error("the kernel reads the secret for whoever asks")
	}
}

func TestWipe(t *testing.T) {
	r, err := Map(3 * 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range r.Bytes() {
		r.Bytes()[i] = 0xa5
	}
	r.Wipe()
	if bytes.ContainsFunc(r.Bytes(), func(c rune) bool { return c != 0 }) {
		t.Error("something is left")
	}
}

func TestRefuses(t *testing.T) {
	for _, n := range []int{0, -1} {
		if _, err := Map(n); err == nil {
			t.Errorf("Map(%d) gave memory", n)
		}
		if _, err := Secret(n); err == nil {
			t.Errorf("Secret(%d) gave memory", n)
		}
	}
	if _, err := Map(1 << 50); err == nil {
		t.Error("a petabyte was given")
	}
	var a Array
	if a.Resize(1) == nil {
		t.Error("an array without a record size grew")
	}
}
