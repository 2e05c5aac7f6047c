package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"volar/firmware/unit"
)

// stage2Word as the first argument makes this program stage 2.
const stage2Word = "stage2"

// Files of the initramfs and of the root.
const (
	verityFile  = "/etc/volar/verity.json"
	releaseFile = "/etc/volar/release.json"
	moduleDir   = "/lib/modules/boot"
)

// stage1 returns only where it could not start the slot; the machine is then
// reset, and the boot loader takes the next try or the next slot.
func stage1() error {
	if err := mountAll(base); err != nil {
		return err
	}
	slot, err := slotWord()
	if err != nil {
		return err
	}
	if err := loadModules(moduleDir); err != nil {
		return err
	}
	b, err := os.ReadFile(verityFile)
	if err != nil {
		return err
	}
	verity, err := unit.ParseVerity(b)
	if err != nil {
		return err
	}
	device, err := partition("root_"+slot, 5*time.Second)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := readAll(device, verity); err != nil {
		return errors.Join(fmt.Errorf("slot %s is damaged: %w", slot, err), markBad(slot))
	}
	say("slot %s is whole (%d MB in %v)", slot, verity.Bytes()>>20, time.Since(start).Round(time.Millisecond))
	return enter(slot, device, verity)
}

// slotWord is the slot that the boot loader started. Who forges the command
// line gains nothing by it: the root hash belongs to this initramfs, whatever
// the partition is called.
func slotWord() (string, error) {
	b, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return "", err
	}
	for _, w := range strings.Fields(string(b)) {
		switch slot, ok := strings.CutPrefix(w, "palm.slot="); {
		case ok && (slot == "a" || slot == "b"):
			return slot, nil
		case ok:
			return "", fmt.Errorf("palm.slot=%q, allowed a and b", slot)
		}
	}
	return "", errors.New("the boot loader named no slot (palm.slot=)")
}

// readAll reads every block of the root once, so that damage is found here,
// where the slot can still be marked bad, and not in the middle of somebody's
// wave: dm-verity looks at a block when it is read.
func readAll(device string, v unit.Verity) error {
	const name = "whole"
	path, err := mapDevice(name, target{kind: "verity", table: v.Table(device, false), bytes: v.Bytes(), readOnly: true})
	if err != nil {
		return err
	}
	defer unmapDevice(name)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	const chunk = 1 << 20
	buf, err := unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // O_DIRECT wants whole pages
	if err != nil {
		return err
	}
	defer unix.Munmap(buf)
	for at := int64(0); at < v.Bytes(); {
		n, err := f.ReadAt(buf[:min(chunk, v.Bytes()-at)], at)
		if err != nil {
			return fmt.Errorf("read at %d of %d: %w", at, v.Bytes(), err)
		}
		at += int64(n)
	}
	return nil
}

// enter mounts the root and becomes stage 2 in it. From here on damage stops
// the machine: there is no safe way to go on with a program half read.
func enter(slot, device string, v unit.Verity) error {
	path, err := mapDevice("root", target{kind: "verity", table: v.Table(device, true), bytes: v.Bytes(), readOnly: true})
	if err != nil {
		return err
	}
	if err := unix.Mount(path, "/newroot", "erofs", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID, ""); err != nil {
		return fmt.Errorf("mount root: %w", err)
	}
	for _, m := range base {
		if err := unix.Mount(m.at, "/newroot"+m.at, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", m.at, err)
		}
	}
	if err := os.Chdir("/newroot"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return fmt.Errorf("exec /init: %w", unix.Exec("/init", []string{"/init", stage2Word, slot}, nil))
}
