package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// place is a file system to mount.
type place struct {
	at, kind string
	flags    uintptr
	options  string
}

const (
	plain = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
)

// base is what both stages need, and stage 1 hands on.
var base = []place{
	{"/proc", "proc", plain, ""},
	{"/sys", "sysfs", plain, ""},
	{"/dev", "devtmpfs", unix.MS_NOSUID | unix.MS_NOEXEC, ""},
	{"/run", "tmpfs", plain, "mode=755,size=16m"},
}

// scratch is what stage 2 adds: the root is read-only.
var scratch = []place{
	{"/tmp", "tmpfs", plain, "mode=1777,size=64m"},
	{"/var", "tmpfs", plain, "mode=755,size=4m"},
}

func mountAll(list []place) error {
	for _, p := range list {
		err := unix.Mount(p.kind, p.at, p.kind, p.flags, p.options)
		if err != nil && !(err == unix.EBUSY && p.kind == "devtmpfs") { // the kernel may have mounted it
			return fmt.Errorf("mount %s: %w", p.at, err)
		}
	}
	return nil
}

// loadModules loads what dir/order lists, a file and its parameters a line,
// dependencies first. No such file: everything is built in. A module that does
// not load is said and passed over: what needs it says so by itself.
func loadModules(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "order"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if err := loadModule(filepath.Join(dir, name), args); err != nil {
			say("module %s: %v", name, err)
		}
	}
	return nil
}

func loadModule(path, args string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), args, 0); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}

// partition finds a partition by its name in the GPT, and waits for a disk
// that is still appearing.
func partition(name string, patience time.Duration) (string, error) {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		events, _ := filepath.Glob("/sys/class/block/*/uevent")
		for _, e := range events {
			b, err := os.ReadFile(e)
			if err == nil && bytes.Contains(append(b, '\n'), []byte("\nPARTNAME="+name+"\n")) {
				return "/dev/" + filepath.Base(filepath.Dir(e)), nil
			}
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("there is no partition %s", name)
		}
	}
}

// size is that of a block device or file, in bytes.
func size(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Seek(0, 2)
}
