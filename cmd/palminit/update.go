package main

import (
	"context"
	"crypto/ed25519"
	"time"

	"volar/firmware/unit"
	"volar/firmware/update"
	"volar/hal/store"
)

const (
	updateDir = "/data/update"
	healthFor = 2 * time.Minute // how long a system on trial may take to be healthy
)

// running is the system that runs, as package update names it.
func (k *keeper) running() update.Release {
	return update.Release{Board: k.release.Board, Name: k.release.Version, Serial: k.release.Serial, Floor: k.release.Floor}
}

// openUpdater makes the manager of updates, which also settles a trial that
// this boot is.
func (k *keeper) openUpdater() (*update.Updater, error) {
	kept, err := store.Open(updateDir + "/store")
	if err != nil {
		return nil, err
	}
	staging, err := update.OpenFile(updateDir)
	if err != nil {
		return nil, err
	}
	key := k.release.Key()
	return update.New(update.Config{
		Release: k.running(), Key: ed25519.PublicKey(key[:]), Slots: k.slots, Store: kept, Staging: staging,
		Counter: k.keys.chip.Floor(), Seal: sealer{k.keys, k.slots}, Health: k.healthy, Restart: k.restart, Log: k.log,
	})
}

// healthy waits until the unit has proved itself, or says what it lacks.
func (k *keeper) healthy(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, healthFor)
	defer stop()
	for {
		h := k.health()
		err := h.Judge()
		if err == nil {
			return nil
		}
		if h.Hopeless() {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// health is what is known of the unit now. The data partition is open: without
// it there is no updater to ask.
func (k *keeper) health() unit.Health {
	h := unit.Health{DataOpen: true, Port: unit.Port(k.port.Load())}
	h.Ready, h.Ends = k.palmd.health()
	return h
}
