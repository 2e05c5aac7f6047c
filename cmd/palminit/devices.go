package main

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"volar/boards"
)

// deviceNodes are what the device program may open beside its watchdog:
// cameras, lamps, sensors. Not the TPM, no disk, no terminal.
var deviceNodes = []string{"/dev/video*", "/dev/media*", "/dev/v4l-subdev*", "/dev/i2c-*", "/dev/gpiochip*"}

const (
	stateDir = "/data/palmd" // the device program's own folder
	unitDir  = "/data/unit"  // what process 1 keeps
	mediaDir = "/run/media"
)

// handOver gives the device program's user what it needs.
func handOver(b *boards.Board) error {
	nodes := []string{stateDir}
	for _, pattern := range deviceNodes {
		found, _ := filepath.Glob(pattern)
		nodes = append(nodes, found...)
	}
	if b.Watchdog != nil {
		nodes = append(nodes, b.Watchdog.Device)
	}
	err := os.MkdirAll(stateDir, 0o700)
	for _, n := range nodes {
		if e := os.Chown(n, deviceUser, deviceUser); e != nil && !os.IsNotExist(e) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// mountTape mounts the disk with recorded shots that stand in for the cameras
// of a board without any: the first disk without partitions that holds an
// erofs. Whether they are played is the configuration's to say.
func mountTape(b *boards.Board) error {
	if !b.Simulated() {
		return nil
	}
	disks, _ := filepath.Glob("/sys/block/vd*")
	if err := os.MkdirAll(mediaDir, 0o755); err != nil {
		return err
	}
	for _, d := range disks {
		if parts, _ := filepath.Glob(d + "/vd*"); len(parts) > 0 {
			continue
		}
		if unix.Mount("/dev/"+filepath.Base(d), mediaDir, "erofs", unix.MS_RDONLY|plain, "") == nil {
			return nil
		}
	}
	return nil // palmd says what is missing
}
