package main

import (
	"bytes"
	"crypto/ecdh"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"volar/enclave/attest"
)

// peekMark makes this test another process that reads a vault's memory.
const peekMark = "peek-into"

// area is one line of /proc/PID/maps.
type area struct {
	from, to uint64
	secret   bool // memfd_secret
}

// areas are the writable parts of a process's memory.
func areas(pid int) (list []area, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(b), "\n") {
		var a area
		var rights string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &a.from, &a.to, &rights); n == 3 && strings.HasPrefix(rights, "rw") && !strings.Contains(line, "[vvar") {
			a.secret = strings.Contains(line, "secretmem")
			list = append(list, a)
		}
	}
	return list, nil
}

// peekMain reads all the memory of a process by one way and writes it to
// standard output: what another root can take. It says on standard error how
// much of secret memory it was refused.
func peekMain(args []string) int {
	pid, err := strconv.Atoi(args[1])
	if err != nil {
		return 2
	}
	list, err := areas(pid)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil && args[0] == "mem" {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	page := make([]byte, os.Getpagesize())
	secret, refused := 0, 0
	for _, a := range list {
		for at := a.from; at < a.to; at += uint64(len(page)) {
			n, err := 0, error(nil)
			if args[0] == "mem" {
				n, err = mem.ReadAt(page, int64(at))
			} else {
				local := []unix.Iovec{{Base: &page[0]}}
				local[0].SetLen(len(page))
				n, err = unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(page)}}, 0)
			}
			if a.secret {
				if secret++; err != nil {
					refused++
				}
			}
			if err == nil {
				_, _ = os.Stdout.Write(page[:n])
			}
		}
	}
	fmt.Fprintf(os.Stderr, "secret %d refused %d", secret, refused)
	return 0
}

// peek runs another process that reads the vault's memory.
func peek(t *testing.T, how string, pid int) (memory []byte, secret, refused int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, peekMark, how, strconv.Itoa(pid))
	var said bytes.Buffer
	cmd.Stderr = &said
	memory, err = cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v, %s", how, err, &said)
	}
	_, _ = fmt.Sscanf(said.String(), "secret %d refused %d", &secret, &refused)
	return memory, secret, refused
}

// vaultKey is the key that evidence names.
func vaultKey(evidence []byte) ([32]byte, error) {
	e, err := attest.ParseEvidence(evidence)
	if err != nil {
		return [32]byte{}, err
	}
	log, err := attest.ParseEvents(e.Log)
	return log.VaultKey, err
}

// privateKeys counts places that hold the private half of a key: at each
// multiple of eight, of what looks random enough to be one.
func privateKeys(memory []byte, public [32]byte) (n int) {
	for at := 0; at+32 <= len(memory); at += 8 {
		b := memory[at : at+32]
		seen := [256]bool{}
		kinds := 0
		for _, v := range b {
			if !seen[v] {
				seen[v] = true
				kinds++
			}
		}
		if kinds < 24 { // 32 random bytes have 30 different ones; below 24 is one in 10^5 keys
			continue
		}
		k, err := ecdh.X25519().NewPrivateKey(b)
		if err == nil && bytes.Equal(k.PublicKey().Bytes(), public[:]) {
			n++
		}
	}
	return n
}

// Another root process, with every way to read memory that Linux has, does not
// get the vault's own keys: neither from where they are kept, nor from copies
// that using them has left behind. Keys of sessions that are open, of records,
// and templates are in ordinary memory: see SECURITY.md.
func TestRootCannotReadKeys(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may read another process's memory, and this test is not root; others are refused all of it")
	}
	r := start(t)
	s := r.dial()
	if _, err := r.enrol(s, 1); err != nil {
		t.Fatal(err)
	}
	pid := r.cmd.Process.Pid
	list, err := areas(pid)
	if err != nil {
		t.Fatal(err)
	}
	var kept uint64
	for _, a := range list {
		if a.secret {
			kept += a.to - a.from
		}
	}
	if fd, err := unix.MemfdSecret(0); err != nil {
		t.Logf("this kernel has no memfd_secret (%v): keys lie in ordinary locked memory, which root can read", err)
	} else {
		unix.Close(fd)
		if kept == 0 {
			t.Error("the vault keeps nothing in secret memory")
		}
	}
	for _, how := range []string{"mem", "vm"} {
		memory, secret, refused := peek(t, how, pid)
		if len(memory) < 1<<20 || !bytes.Contains(memory, []byte("acme")) {
			t.Fatalf("%s: %d bytes were read, without the tenant's name in them: this shows nothing", how, len(memory))
		}
		if refused != secret || uint64(secret*os.Getpagesize()) != kept {
			t.Errorf("%s: %d of %d pages of secret memory were read", how, secret-refused, secret)
		}
		// What a key has left behind goes with the next garbage collection.
		copies := 0
		for deadline := time.Now().Add(30 * time.Second); ; {
			if copies = r.platform.copies(memory); copies == 0 || time.Now().After(deadline) {
				break
			}
			time.Sleep(eraseEvery)
			memory, _, _ = peek(t, how, pid)
		}
		if copies > 0 {
			t.Errorf("%s: %d copies of gallery keys", how, copies)
		}
		if how == "mem" {
			if n := privateKeys(memory, r.vaultKey); n > 0 {
				t.Errorf("%d copies of the private half of the vault's session key", n)
			}
		}
		t.Logf("%s: %d MiB read, %d pages refused, none of the keys found", how, len(memory)>>20, refused)
	}
}

// copies counts what memory holds of the keys that went to the platform.
func (n *notary) copies(memory []byte) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range n.secrets {
		count += bytes.Count(memory, key)
	}
	return count
}

// No signal makes a core file, whatever the host's limits are.
func TestNoCore(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: limit.Max, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV} {
		r := start(t)
		r.dial()
		if err := r.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%v: the vault goes on", signal)
		}
		ws := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if ws.CoreDump() {
			t.Errorf("%v: core dumped", signal)
		}
		if left, err := os.ReadDir(r.cmd.Dir); err != nil || len(left) > 0 {
			t.Errorf("%v: left %v, %v", signal, left, err)
		}
		if said := r.said.String(); strings.Contains(said, "goroutine") || strings.Contains(said, "0x") {
			t.Errorf("%v: the vault said more than that it ended: %q", signal, said)
		}
	}
}
