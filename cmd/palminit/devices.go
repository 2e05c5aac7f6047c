package main

import (
	"errors"
	"os"
	"path/filepath"

	"volar/boards"
	"volar/hal/linux"
)

// deviceNodes are what the device program may open beside its watchdog:
// cameras, lamps, sensors. Not the TPM, no disk, no terminal.
var deviceNodes = []string{"/dev/video*", "/dev/media*", "/dev/v4l-subdev*", "/dev/i2c-*", "/dev/gpiochip*"}

const (
	stateDir = "/data/palmd" // the device program's own folder
	unitDir  = "/data/unit"  // what process 1 keeps
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
	if z := b.Face.Buzzer; z != nil {
		files, e := linux.BuzzerFiles(z)
		nodes, err = append(nodes, files...), errors.Join(err, e)
	}
	for _, n := range nodes {
		if e := os.Chown(n, deviceUser, deviceUser); e != nil && !os.IsNotExist(e) {
			err = errors.Join(err, e)
		}
	}
	return err
}
