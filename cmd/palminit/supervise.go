package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"volar/firmware/unit"
)

const (
	deviceProgram = "/usr/bin/palmd"
	deviceUser    = 1000 // volar, in the root's /etc/passwd: no capabilities, no keys, no slots
	identityFD    = 3    // where the device program reads its identity from
	stopFor       = 5 * time.Second
)

// supervisor keeps the device program running while the unit is in service.
type supervisor struct {
	log     *slog.Logger
	journal func(source string) io.Writer
	dog     *watchdog
	between func() error // before each start: device nodes, folders

	mu    sync.Mutex
	pulse unit.Pulse
	ends  int
	stop  context.CancelFunc // of the present program; nil: none
	done  chan struct{}
}

// run replaces what runs: from now on the device program with these
// arguments, whose identity is the X25519 key. The supervisor clears it.
func (s *supervisor) run(args []string, identity [32]byte) {
	s.halt()
	ctx, stop := context.WithCancel(context.Background())
	s.mu.Lock()
	s.stop, s.done, s.ends = stop, make(chan struct{}), 0
	done := s.done
	s.mu.Unlock()
	go func() {
		defer close(done)
		defer clear(identity[:])
		s.keep(ctx, args, &identity)
	}()
}

// halt ends the device program, and returns when it has ended.
func (s *supervisor) halt() {
	s.mu.Lock()
	stop, done := s.stop, s.done
	s.stop = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

// keep starts the program again whenever it ends.
func (s *supervisor) keep(ctx context.Context, args []string, identity *[32]byte) {
	var wait unit.Backoff
	for ctx.Err() == nil {
		start := time.Now()
		err := s.once(ctx, args, identity)
		s.mu.Lock()
		s.pulse.End()
		s.ends++
		s.mu.Unlock()
		s.dog.take()
		if ctx.Err() != nil {
			return
		}
		ran := time.Since(start)
		if err == nil {
			ran = 0
			wait = unit.Backoff{} // it was not a failure
		}
		again := wait.After(ran)
		s.log.Warn("the device program ended", "how", ended(err), "ran", time.Since(start).Round(time.Millisecond).String(), "again_in", again.String())
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

func ended(err error) string {
	if err == nil {
		return "by itself"
	}
	return err.Error()
}

// once runs the program to its end.
func (s *supervisor) once(ctx context.Context, args []string, identity *[32]byte) error {
	if err := s.between(); err != nil {
		return err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	_, err = out.Write(identity[:]) // a pipe holds 64 KiB
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, in.Close())
	}
	cmd := exec.CommandContext(ctx, deviceProgram, args...)
	cmd.Dir, cmd.Env = "/", []string{"TMPDIR=/tmp"}
	cmd.ExtraFiles = []*os.File{in} // the first one is descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: deviceUser, Gid: deviceUser}, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopFor
	lines, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	last := &lastLine{to: s.journal("palmd")}
	cmd.Stderr = last
	s.dog.give()
	err = cmd.Start()
	in.Close()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	s.listen(lines)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, last)
	}
	return nil
}

// lastLine passes text on and keeps its last line, which says why a program
// ended.
type lastLine struct {
	to   io.Writer
	line []byte
}

func (l *lastLine) Write(b []byte) (int, error) {
	text := bytes.TrimRight(b, "\n")
	l.line = append(l.line[:0], text[bytes.LastIndexByte(text, '\n')+1:]...)
	l.line = l.line[:min(len(l.line), 300)]
	return l.to.Write(b)
}

func (l *lastLine) String() string { return string(l.line) }

// listen keeps what the program prints and follows its pulse.
func (s *supervisor) listen(r io.Reader) {
	to := s.journal("palmd")
	in := bufio.NewScanner(r)
	in.Buffer(nil, 64<<10)
	for in.Scan() {
		s.mu.Lock()
		before := s.pulse.Ready(time.Now())
		s.pulse.Line(in.Bytes(), time.Now())
		after := s.pulse.Ready(time.Now())
		s.mu.Unlock()
		if before == 0 && after > 0 {
			s.log.Info("ready for a hand", "after", uptime().String())
		}
		to.Write(append(in.Bytes(), '\n'))
	}
	io.Copy(io.Discard, r) // a line too long must not stop the program
}

// health is what there is to say of the program.
func (s *supervisor) health() (ready time.Duration, ends int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pulse.Ready(time.Now()), s.ends
}
