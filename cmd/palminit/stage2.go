package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"volar/boards"
	"volar/firmware/journal"
	"volar/firmware/provision"
	"volar/firmware/unit"
	"volar/firmware/update"
	"volar/hal"
	"volar/hal/linux/slots"
	"volar/wire/prov"
)

// journalSize bounds the journal on the data partition, in bytes.
const journalSize = 4 << 20

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

// stage2 returns only with a reason to reset the machine.
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
	k := &keeper{slot: slot, release: release, board: board, log: slog.New(consoleHandler()), end: make(chan string, 1)}
	k.dog = &watchdog{of: board.Watchdog, log: k.log}
	k.dog.take()
	return k.run(context.Background())
}

// consoleHandler writes log lines to the console, for who watches a boot.
func consoleHandler() slog.Handler {
	return slog.NewTextHandler(crlf{console}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

// crlf ends lines as a terminal wants them.
type crlf struct{ to io.Writer }

func (c crlf) Write(b []byte) (int, error) {
	_, err := c.to.Write(append(b[:max(0, len(b)-1)], "\r\n"...))
	return len(b), err
}

// keeper keeps a unit alive.
type keeper struct {
	slot    string
	release unit.Release
	board   *boards.Board
	log     *slog.Logger
	dog     *watchdog
	end     chan string // why the machine is to be reset

	slots   *slots.Slots
	keys    *keys
	journal *journal.Journal
	palmd   *supervisor
	network *networks
	updater *update.Updater
	opened  *hal.Device // by a self-test

	unfollow context.CancelFunc // ends looking for updates; nil: nobody looks

	port atomic.Uint32 // a unit.Port
}

// run opens what the unit has and serves until there is a reason to reset.
func (k *keeper) run(ctx context.Context) (err error) {
	if k.slots, err = openSlots(k.slot); err != nil {
		return err
	}
	secret, err := k.openSecret()
	if err != nil {
		return err
	}
	if err := k.openJournal(); err != nil {
		return err
	}
	k.palmd = &supervisor{log: k.log, journal: k.journal.Writer, dog: k.dog, between: func() error { return handOver(k.board) }}
	defer k.closeAll()
	k.setClock()
	k.network = &networks{names: k.board.Network, log: k.log}
	k.network.set(unit.Network{})
	if k.updater, err = k.openUpdater(); err != nil {
		return err
	}
	u, err := k.provisionable(secret)
	if err != nil {
		return err
	}
	k.log.Info("unit is up", "slot", k.slot, "version", k.release.Version, "after", uptime().String())
	go k.serve(ctx, u)
	go k.updater.Run(ctx)
	return fmt.Errorf("restart: %s", <-k.end)
}

// openJournal begins the journal of this run.
func (k *keeper) openJournal() error {
	j, err := journal.Open(dataMount+"/journal", journal.Options{
		Size: journalSize, Release: fmt.Sprintf("%s (serial %d), slot %s", k.release.Version, k.release.Serial, k.slot),
	})
	if err != nil {
		return err
	}
	k.journal = j
	k.log = slog.New(slog.NewMultiHandler(consoleHandler(), j.Handler("init", slog.LevelInfo)))
	k.dog.log = k.log
	go keepKernel(j.Writer("kernel"))
	return nil
}

// restart asks for a reset; the first reason counts.
func (k *keeper) restart(why string) {
	select {
	case k.end <- why:
	default:
	}
}

// closeAll leaves the data partition as it should be left.
func (k *keeper) closeAll() {
	k.palmd.halt()
	if err := k.journal.Close("restart"); err != nil {
		say("journal: %v", err)
	}
	unix.Sync()
	if err := unix.Mount("", dataMount, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		say("data: %v", err)
	}
}

// locked is the end of a system that does not get the unit's secret: another
// one may. Where there is none, it stays, says why, and can be reset by a
// technician; nothing is lost before.
func (k *keeper) locked(why error) error {
	if err := k.slots.Bad(k.slot); err == nil {
		return fmt.Errorf("slot %s is locked: %w", k.slot, why)
	}
	say("locked: %v", why)
	authority, err := readAuthority()
	if err != nil {
		return err
	}
	serial, err := k.serial()
	if err != nil {
		return err
	}
	go k.onPort(context.Background(), func(port *prov.Port) error {
		return provision.ServeLocked(context.Background(), port, provision.Locked{
			Serial: serial, Board: k.board.Name, Version: k.release.Version, Slot: k.slot, Built: k.release.Time(), Authority: authority,
			Chip: k.keys.chip, Why: why.Error(), Reset: k.forget, Restart: func() { k.restart("asked for over the provisioning port") },
		})
	})
	return fmt.Errorf("restart: %s", <-k.end)
}

// uptime is how long the kernel has run.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano()).Round(10 * time.Millisecond)
}
