package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"volar/enclave/attest/broker"
)

// start runs the measured program and serves it the platform until it ends.
func start(ctx context.Context, o options, program *image, state folder) (int, error) {
	links, err := inherited()
	if err != nil {
		return 1, err
	}
	config, err := sealedCopy("config", o.config, maxConfig, false)
	if err != nil {
		return 1, fmt.Errorf("read the configuration: %w", err)
	}
	defer config.Close()
	// Last of what can fail for a reason of the host's: once the vault is
	// measured the machine has no second try.
	platform, err := measure(o, program, state)
	if err != nil {
		return 1, err
	}
	ours, theirs, err := pair()
	if err != nil {
		return 1, err
	}
	defer ours.Close()
	// The vault is told to die with the thread that started it, so that
	// thread must last as long as this process.
	runtime.LockOSThread()
	cmd, notice, err := isolate(func() *exec.Cmd { return vault(program, append(links, theirs, config)) })
	if err != nil {
		return 1, fmt.Errorf("start the vault: %w", err)
	}
	if notice != "" {
		fmt.Fprintf(os.Stderr, "palmlaunch: %s\n", notice)
	}
	for _, f := range append(links, theirs) { // the vault's now: it sees the end when the host closes
		f.Close()
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended already
		}
	}()
	served := make(chan error, 1)
	go func() {
		err := broker.Serve(ctx, ours, platform)
		if err != nil {
			_ = cmd.Process.Kill() // a vault that does not speak the protocol is not served
		}
		served <- err
	}()
	err = cmd.Wait()
	ours.Close()
	code := cmd.ProcessState.ExitCode()
	if code < 0 { // ended by a signal
		return 1, errors.Join(fmt.Errorf("the vault ended: %w", err), <-served)
	}
	return code, nil
}

// measure makes the platform ready for this vault.
func measure(o options, program *image, state folder) (broker.Platform, error) {
	if o.platform == platformSimulated {
		s, err := openSimulation(state)
		if err != nil {
			return nil, err
		}
		return s.start(program.measurement)
	}
	a, err := readApproval(o.approval, program.measurement)
	if err != nil {
		return nil, err
	}
	m, err := openMachine(state, o.tpm)
	if err != nil {
		return nil, err
	}
	var f facts
	if err := m.facts(&f); err != nil {
		return nil, err
	}
	if f.Notice != "" {
		fmt.Fprintf(os.Stderr, "palmlaunch: %s: %s\n", f.TPM, f.Notice)
	}
	return m.start(program.measurement, a)
}

// vault is the command that runs the sealed program: nothing of the host's
// environment, and four descriptors.
func vault(program *image, files []*os.File) *exec.Cmd {
	cmd := exec.Command(program.path())
	cmd.Args = []string{"palmvault"}
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// inherited are descriptors 3 and 4, which the host opened before it started
// this program. Whatever else the host let it inherit goes no further.
func inherited() ([]*os.File, error) {
	var files []*os.File
	for fd, name := range []string{3: "session link", 4: "blob link"} {
		if name == "" {
			continue
		}
		var s unix.Stat_t
		if err := unix.Fstat(fd, &s); err != nil || s.Mode&unix.S_IFMT != unix.S_IFSOCK {
			return nil, fmt.Errorf("descriptor %d is not the host's %s: palmhost starts this program", fd, name)
		}
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, fmt.Errorf("keep descriptors from the vault: %w", err)
	}
	return files, nil
}

// pair is the pipe between this program and the vault.
func pair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("pipe to the vault: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "broker"), os.NewFile(uintptr(fds[1]), "broker"), nil
}
