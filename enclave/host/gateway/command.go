package gateway

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Command launches the program argv[0] with the arguments argv[1:] as the
// vault, or as what starts it: its descriptor 3 is the session link and 4 the
// blob link. What it prints goes to output. It runs in a process group of its
// own, so that a terminal's Ctrl-C reaches the host alone, and the whole group
// is killed when it has to be, or when the program itself has ended.
func Command(argv []string, output *os.File) (Launch, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("gateway: launch: no program is named")
	}
	return func() (*Vault, error) {
		v, err := start(argv, output)
		if err != nil {
			return nil, fmt.Errorf("launch %s: %w", argv[0], err)
		}
		return v, nil
	}, nil
}

func start(argv []string, output *os.File) (*Vault, error) {
	sessions, theirSessions, err := pair("sessions")
	if err != nil {
		return nil, err
	}
	defer theirSessions.Close()
	blobs, theirBlobs, err := pair("blobs")
	if err != nil {
		sessions.Close()
		return nil, err
	}
	defer theirBlobs.Close()

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = output, output // never ours: stdout carries one line for programs
	cmd.ExtraFiles = []*os.File{theirSessions, theirBlobs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		sessions.Close()
		blobs.Close()
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go p.wait()
	return &Vault{Sessions: sessions, Blobs: blobs, Done: p.done, Kill: p.kill,
		Err: func() error { return p.err }}, nil
}

// process is a started program and the group that it leads.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // after done

	mu     sync.Mutex
	reaped bool
}

func (p *process) wait() {
	p.err = p.cmd.Wait()
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	// What it has left behind still leads to this group; nobody else can have
	// taken the number while a member lives.
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	close(p.done)
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// pair makes a connected pair of sockets: our end, and the end that a child inherits.
func pair(name string) (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock() // no other child may inherit either end: we would never see the end of the link
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair for %s: %w", name, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name)
	defer ours.Close() // FileConn keeps a copy
	c, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("socket pair for %s: %w", name, err)
	}
	return c, theirs, nil
}
