package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// nobody is the user and the group that the vault runs as where it may choose.
const nobody = 65534

// namespaces of the vault's own: no network but an empty one, no process but
// itself, mounts, message queues and a host name that reach nobody.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// isolate starts the command that make gives: as nobody and in namespaces of
// its own, as far as this machine lets it. The notice says what it did not.
// The vault's own filter of system calls does not depend on any of this.
func isolate(make func() *exec.Cmd) (cmd *exec.Cmd, notice string, err error) {
	root := os.Geteuid() == 0
	if root { // what the vault locks in memory is a gallery
		_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	}
	var refusals []error
	for _, how := range []func(*syscall.SysProcAttr, bool){apart, asNobody, asItIs} {
		cmd = make()
		how(cmd.SysProcAttr, root)
		if err = cmd.Start(); err == nil {
			break
		}
		if !refused(err) {
			return nil, "", err
		}
		refusals = append(refusals, err)
	}
	switch {
	case err != nil:
		return nil, "", err
	case len(refusals) == 1:
		notice = fmt.Sprintf("the vault has no namespaces of its own, because this machine refuses them (%v); its filter of system calls holds without them", refusals[0])
	case len(refusals) == 2:
		notice = fmt.Sprintf("the vault has no namespaces of its own and runs as this user, because this machine refuses more (%v; %v); its filter of system calls holds all the same", refusals[0], refusals[1])
	}
	return cmd, notice, nil
}

// refused says whether starting failed for what was asked of the kernel beside
// the program itself.
func refused(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EACCES, unix.EINVAL, unix.ENOSPC, unix.EUSERS, unix.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// apart is namespaces, and a user without rights in them: root becomes nobody,
// anybody else is mapped to nobody by not being mapped.
func apart(a *syscall.SysProcAttr, root bool) {
	a.Cloneflags |= namespaces
	if root {
		asNobody(a, root)
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: nobody, Size: 1}}
		a.GidMappings = a.UidMappings
		a.GidMappingsEnableSetgroups = true
	}
}

// asNobody gives up root's user, where there is any to give up.
func asNobody(a *syscall.SysProcAttr, root bool) {
	if root {
		a.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}

// asItIs asks for nothing.
func asItIs(*syscall.SysProcAttr, bool) {}
