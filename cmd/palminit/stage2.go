package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"volar/boards"
	"volar/firmware/unit"
	"volar/hal/linux/slots"
	"volar/hal/linux/tpm"
)

// markBad takes a damaged slot out of service, where there is a good one to
// go to.
func markBad(slot string) error {
	s, err := openSlots(slot)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Bad(slot)
}

func openSlots(running string) (*slots.Slots, error) {
	paths, err := slots.Find(os.DirFS("/sys"), "/dev")
	if err != nil {
		return nil, err
	}
	return slots.Open(slots.Options{Running: running, Paths: paths, Note: say})
}

// readRelease reads what the verified root says of itself.
func readRelease() (unit.Release, error) {
	b, err := os.ReadFile(releaseFile)
	if err != nil {
		return unit.Release{}, err
	}
	return unit.ParseRelease(b)
}

// stage2 returns only with an error that a reset may mend.
func stage2(slot string) error {
	if err := mountAll(scratch); err != nil {
		return err
	}
	if err := loadModules(moduleDir); err != nil {
		return err
	}
	release, err := readRelease()
	if err != nil {
		return err
	}
	board, err := boards.Load(boards.Tree, release.Board)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	k := &keeper{slot: slot, release: release, board: board, log: log, dog: &watchdog{of: board.Watchdog, log: log}}
	k.dog.take()
	return k.run()
}

// keeper keeps a unit alive.
type keeper struct {
	slot    string
	release unit.Release
	board   *boards.Board
	log     *slog.Logger
	dog     *watchdog

	slots *slots.Slots
	keys  *keys
}

// run opens what the unit has and serves until there is a reason to reset.
func (k *keeper) run() error {
	var err error
	if k.slots, err = openSlots(k.slot); err != nil {
		return err
	}
	if err := k.openSecret(); err != nil {
		return err
	}
	for _, dir := range []string{unitDir, stateDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	k.setClock()
	for _, name := range k.board.Network {
		go keepNetwork(context.Background(), name, k.log)
	}
	say("slot %s version %s ready after %v", k.slot, k.release.Version, uptime())
	select {}
}

// openSecret opens the secret and with it the data partition.
func (k *keeper) openSecret() error {
	chip, err := tpm.Open(k.board.TPM.Device)
	if err != nil {
		return err
	}
	if k.keys, err = openKeys(chip, k.release.Floor); err != nil {
		return err
	}
	secret, how, err := k.keys.find()
	switch how {
	case unit.Fresh:
		say("a new unit: %v", err)
		secret = draw()
	case unit.Locked:
		return k.locked(err)
	}
	device, err := mapData([32]byte(secret))
	if err != nil {
		return err
	}
	if how == unit.Fresh {
		if err := formatData(device); err != nil {
			return err
		}
	}
	if err := mountData(device); err != nil {
		return err
	}
	if how == unit.Fresh {
		unix.Sync()
		return k.keys.keep(secret)
	}
	return nil
}

// locked is the end of a system that does not get the unit's secret: another
// one may. Where there is none, it stays and says why, and nothing is lost.
func (k *keeper) locked(why error) error {
	if err := k.slots.Bad(k.slot); err == nil {
		return fmt.Errorf("slot %s is locked: %w", k.slot, why)
	}
	for {
		say("locked: %v", why)
		time.Sleep(5 * time.Second)
	}
}

// uptime is how long the kernel has run.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano()).Round(10 * time.Millisecond)
}
