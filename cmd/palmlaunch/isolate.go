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
	var refusal error
	for _, how := range []func(*syscall.SysProcAttr, bool){apart, asNobody} {
		cmd = make()
		how(cmd.SysProcAttr, root)
		if err = cmd.Start(); err == nil {
			break
		}
		if refusal == nil {
			refusal = err
		}
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EACCES) {
			return nil, "", err
		}
	}
	if err == nil && refusal != nil {
		notice = fmt.Sprintf("the vault has no namespaces of its own, because this machine refuses them (%v); its filter of system calls holds without them", refusal)
	}
	return cmd, notice, err
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
