// The runtime would read the limits of its control group from files again and
// again. It reads them once, before it is shut in.
//
//go:debug updatemaxprocs=0

// Command palmvault is the sealed matcher as a process. palmlaunch starts
// it, with everything it will ever have: descriptor 3 for sessions, 4 for
// encrypted blobs, 5 for the platform, 6 for its configuration. It opens
// nothing else, and says nothing but that it begins and ends.
//
// Before it reads a byte it gives up the rest of the machine (package
// confine). `palmvault --selfprobe` shows that on the machine at hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"volar/enclave/attest"
	"volar/enclave/attest/broker"
	"volar/enclave/confine"
	"volar/enclave/vault"
	"volar/enclave/vault/gallery"
)

// The descriptors that a vault inherits.
const (
	fdSessions = 3 + iota
	fdBlobs
	fdPlatform
	fdConfig
)

// keyLife is how long one Noise key is used: the process then ends, and
// whoever starts it again gets another.
const keyLife = 24 * time.Hour

// batch is the least time between two epochs of enrolments: a chip's counter
// takes a tenth of a second or more for a step, and lasts for a limited number of them.
const batch = 2 * time.Second

// eraseEvery is how long a key that is no longer used may stay in memory
// (memory.Erasing): the collector that erases it runs that often at least.
const eraseEvery = 2 * time.Second

func main() {
	if len(os.Args) > 1 {
		os.Exit(selfprobe(os.Args[1:], os.Stdout, os.Stderr))
	}
	if err := run(); err != nil {
		say("%v", err)
		os.Exit(1)
	}
}

// voice is where say writes: standard error until confine.Quiet has moved it.
var voice io.Writer = os.Stderr

// say writes a line about the process itself: never about a session, a
// device, a tenant or a person.
func say(format string, args ...any) { fmt.Fprintf(voice, "palmvault: "+format+"\n", args...) }

func run() error {
	quiet, err := confine.Quiet(fdConfig + 1)
	if err != nil {
		return err
	}
	voice = quiet
	if !inherited() {
		return errors.New("this program is started by palmlaunch; alone it only does --selfprobe")
	}
	notice, err := confine.Lock(int(quiet.Fd()))
	if err != nil {
		return err
	}
	if notice != "" {
		say("%s", notice)
	}
	cfg, err := readConfig(os.NewFile(fdConfig, "configuration"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	platform := broker.NewClient(os.NewFile(fdPlatform, "platform"))
	blobs := gallery.NewRemote(os.NewFile(fdBlobs, "blobs"))
	v, err := vault.New(ctx, vault.Config{Platform: platform, Blobs: blobs, Tenants: cfg.tenants,
		FPIR: cfg.fpir, Batch: batch, Restore: cfg.restore})
	if err != nil {
		return err
	}
	evidence, err := platform.Evidence(ctx, [64]byte{})
	if err != nil {
		return err
	}
	if notice := attest.Notice(evidence.Kind); notice != "" {
		say("%s", notice)
	}
	say("ready")
	go func() {
		for range time.Tick(eraseEvery) {
			runtime.GC()
		}
	}()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, os.NewFile(fdSessions, "sessions"), v) }()
	select {
	case err := <-served:
		if err != nil {
			return err
		}
		say("the host has closed the link: the end")
	case <-v.Done():
		return errors.New("it is not known what the platform has committed: start again")
	case <-time.After(keyLife):
		say("the key has been used for %v: the end, start again", keyLife)
	}
	return nil
}

// inherited checks that the descriptors are there, and keeps them from any child.
func inherited() bool {
	for fd := fdSessions; fd <= fdConfig; fd++ {
		var s unix.Stat_t
		if unix.Fstat(fd, &s) != nil {
			return false
		}
		unix.CloseOnExec(fd)
	}
	return true
}

// readConfig reads the configuration to its end and closes it.
func readConfig(f io.ReadCloser) (config, error) {
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return config{}, fmt.Errorf("read the configuration: %w", err)
	}
	return parseConfig(b)
}
