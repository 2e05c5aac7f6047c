// Package vm runs a unit as a virtual machine: the very image that would be
// flashed, from reset, with a TPM made of software, a serial line that can be
// pulled out, and a plug that can be pulled too. It emulates
// qemu-system-aarch64's machine "virt"; what it shows is that a unit boots in
// emulation.
package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"volar/enclave/attest/tpm/swtpm"
)

// Missing names the tools that this machine lacks, or is nil.
func Missing() error {
	var missing []string
	for _, tool := range []string{"qemu-system-aarch64", "swtpm"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if missing != nil {
		return fmt.Errorf("vm: no %s on this machine: make setup installs them", strings.Join(missing, " and no "))
	}
	return nil
}

// Unit is a device that may be switched on: a folder with its disk and its
// TPM.
type Unit struct {
	Dir    string // disk.img and tpm/ are in it, and console.log
	Loader string // the boot loader in the machine's flash
	Stage  string // Unix socket of the simulator that is the unit's cameras; "": none
	Clock  string // what its clock says at reset, such as 2000-01-01T00:00:00; "": the time
}

// Disk is the path of the unit's disk.
func (u Unit) Disk() string { return filepath.Join(u.Dir, "disk.img") }

// New unpacks a unit as it comes from flashing: the image on its disk, and a
// TPM that never saw it, with a certificate of its maker. It returns the
// maker's certificates, PEM.
func New(dir, image, loader string) (u Unit, makers []byte, err error) {
	u = Unit{Dir: dir, Loader: loader}
	if makers, err = swtpm.Manufacture(filepath.Join(dir, "tpm"), filepath.Join(dir, "maker")); err != nil {
		return u, nil, err
	}
	return u, makers, copyTree(image, u.Disk())
}

// Clone is another unit in the same state: disk and TPM. No real unit can be
// cloned; scenarios begin where others ended.
func (u Unit) Clone(dir string) (Unit, error) {
	c := u
	c.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	return c, errors.Join(copyTree(u.Disk(), c.Disk()), copyTree(filepath.Join(u.Dir, "tpm"), filepath.Join(dir, "tpm")))
}

// copyTree copies a file or a folder and keeps its holes.
func copyTree(from, to string) error {
	if out, err := exec.Command("cp", "-r", "--sparse=always", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("vm: copy %s: %w: %s", from, err, out)
	}
	return nil
}

// Machine is a unit that is switched on.
type Machine struct {
	Console *Log   // what it says
	Port    string // the pty of its provisioning port

	unit   Unit
	qemu   *exec.Cmd
	tpm    *exec.Cmd
	dir    string
	ended  chan struct{} // closed when QEMU has
	closed sync.Once
}

// child makes a process that dies with this one.
func child(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return c
}

// Start switches the unit on.
func (u Unit) Start(ctx context.Context) (m *Machine, err error) {
	m = &Machine{Console: newLog(), unit: u, ended: make(chan struct{})}
	if m.dir, err = os.MkdirTemp("", "vm"); err != nil { // the path of a Unix socket has 108 bytes at most
		return nil, err
	}
	defer func() {
		if err != nil {
			m.Cut()
		}
	}()
	if err := m.startTPM(ctx); err != nil {
		return m, err
	}
	var said bytes.Buffer
	m.qemu = child("qemu-system-aarch64", m.arguments()...)
	kept, err := os.OpenFile(filepath.Join(u.Dir, "console.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return m, fmt.Errorf("vm: %w", err)
	}
	m.qemu.Stdout, m.qemu.Stderr = io.MultiWriter(kept, m.Console), &said
	if u.Stage != "" {
		m.qemu.Env = append(os.Environ(), stageVariable+"="+u.Stage)
	}
	if err := m.qemu.Start(); err != nil {
		return m, fmt.Errorf("vm: %w", err)
	}
	go func() {
		m.qemu.Wait()
		kept.Close()
		m.Console.close()
		close(m.ended)
	}()
	first, err := m.Console.Wait(ctx, `char device redirected to (\S+) \(label port\)`)
	if err != nil {
		<-m.ended
		return m, fmt.Errorf("vm: QEMU: %w: %s", err, said.String())
	}
	m.Port = first[1]
	return m, nil
}

// tpmFor is how long swtpm may take to start.
const tpmFor = 20 * time.Second

func (m *Machine) startTPM(ctx context.Context) error {
	state, err := filepath.Abs(filepath.Join(m.unit.Dir, "tpm"))
	if err != nil {
		return err
	}
	socket := filepath.Join(m.dir, "tpm")
	m.tpm = child("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+state, "--ctrl", "type=unixio,path="+socket, "--terminate")
	if err := m.tpm.Start(); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	ctx, stop := context.WithTimeout(ctx, tpmFor)
	defer stop()
	for ctx.Err() == nil {
		if _, err := os.Stat(socket); err == nil {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("vm: swtpm has not started: %w", ctx.Err())
}

// processors is how many a unit has.
const processors = 2

// arguments are QEMU's. The device tree is QEMU's own, with fresh seeds.
func (m *Machine) arguments() []string {
	args := []string{
		"-M", "virt", "-cpu", "cortex-a72", "-smp", strconv.Itoa(processors), "-m", "512", "-accel", "tcg,thread=multi",
		"-display", "none", "-nodefaults", "-bios", m.unit.Loader, "-serial", "stdio",
		"-chardev", "socket,id=tpm,path=" + filepath.Join(m.dir, "tpm"), "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis-device,tpmdev=tpm0",
		"-drive", "if=none,id=disk,format=raw,file=" + m.unit.Disk(), "-device", "virtio-blk-pci,drive=disk",
		"-netdev", m.network(), "-device", "virtio-net-pci,netdev=net,romfile=",
		"-chardev", "pty,id=port", "-device", "pci-serial,chardev=port", "-device", "i6300esb",
		"-chardev", "socket,id=debugger,server=on,wait=off,path=" + m.debugger(), "-gdb", "chardev:debugger",
	}
	if m.unit.Clock != "" {
		args = append(args, "-rtc", "base="+m.unit.Clock)
	}
	return args
}

// stageAddress is where the board's descriptor looks for a simulator.
const stageAddress = "10.0.2.100:7007"

// stageVariable tells a program that QEMU starts for each connection to
// stageAddress which socket it is to join it with (Relay).
const stageVariable = "VOLAR_VM_STAGE"

// network is QEMU's own, with addresses as in 10.0.2.0/24: the host is 10.0.2.2.
func (m *Machine) network() string {
	if m.unit.Stage == "" {
		return "user,id=net"
	}
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return "user,id=net,guestfwd=tcp:" + stageAddress + "-cmd:" + self
}

// Relay joins standard input and output to the simulator where QEMU started
// this program for that, and tells whether it did. Whoever starts machines
// with a Stage calls it first.
func Relay() bool {
	path := os.Getenv(stageVariable)
	if path == "" {
		return false
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return true
	}
	defer conn.Close()
	go func() {
		io.Copy(conn, os.Stdin)
		conn.Close()
	}()
	io.Copy(os.Stdout, conn)
	return true
}

// Cut pulls the plug: nothing is said to the unit.
func (m *Machine) Cut() {
	m.closed.Do(func() {
		if m.qemu != nil && m.qemu.Process != nil {
			m.qemu.Process.Kill()
			<-m.ended
		}
		if m.tpm != nil && m.tpm.Process != nil {
			m.tpm.Process.Kill()
			m.tpm.Wait()
		}
		os.RemoveAll(m.dir)
	})
}

// CPU is the processor time that QEMU took, once it was cut.
func (m *Machine) CPU() time.Duration {
	return m.qemu.ProcessState.UserTime() + m.qemu.ProcessState.SystemTime()
}

// Log collects the lines of the console. It can be waited on.
type Log struct {
	mu    sync.Mutex
	text  []byte
	grown chan struct{} // closed, and replaced, when there is more
	over  bool
	at    int // up to where Wait has read
}

func newLog() *Log { return &Log{grown: make(chan struct{})} }

// Write appends what the machine says. Zero bytes, which a reset leaves
// behind, are dropped.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, bytes.ReplaceAll(b, []byte{0}, nil)...)
	close(l.grown)
	l.grown = make(chan struct{})
	return len(b), nil
}

func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	close(l.grown)
	l.grown = make(chan struct{})
}

// Wait waits for a line that matches, behind the line that the last Wait
// found, and returns its submatches.
func (l *Log) Wait(ctx context.Context, pattern string) ([]string, error) {
	re := regexp.MustCompile(pattern)
	for {
		l.mu.Lock()
		whole := bytes.LastIndexByte(l.text, '\n') + 1 // half a line may still grow
		for l.at < whole {
			end := l.at + bytes.IndexByte(l.text[l.at:], '\n')
			line := strings.TrimRight(string(l.text[l.at:end]), "\r")
			l.at = end + 1
			if found := re.FindStringSubmatch(line); found != nil {
				l.mu.Unlock()
				return found, nil
			}
		}
		over, grown := l.over, l.grown
		l.mu.Unlock()
		if over {
			return nil, fmt.Errorf("vm: it ended before it said %q", pattern)
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, fmt.Errorf("vm: it did not say %q: %w; it said last:\n%s", pattern, context.Cause(ctx), l.Tail(12))
		}
	}
}

// Tail is the last lines.
func (l *Log) Tail(n int) string {
	lines := strings.Split(strings.TrimRight(l.String(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// String is all that was said.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.ReplaceAll(string(l.text), "\r", "")
}

// Freeze copies what a power cut at this moment would leave: disk and TPM as
// they are. The machine goes on afterwards.
func (m *Machine) Freeze(dir string) (Unit, error) {
	for _, p := range []*os.Process{m.qemu.Process, m.tpm.Process} {
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return Unit{}, fmt.Errorf("vm: freeze: %w", err)
		}
		defer p.Signal(syscall.SIGCONT)
	}
	return m.unit.Clone(dir)
}
