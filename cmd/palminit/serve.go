package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"volar/firmware/journal"
	"volar/firmware/provision"
	"volar/firmware/unit"
	"volar/hal"
	"volar/hal/linux"
	"volar/hal/store"
	"volar/wire/prov"
)

const (
	authorityFile   = "/etc/volar/authority"   // of the verified root: whose tickets count
	developmentFile = "/etc/volar/development" // there where the image is one for development
	testDir         = unitDir + "/test"        // the store of a board that is open for its self-test
	logLines        = 2000                     // that are told of a run
)

// provisionable is the unit as package provision sees it.
func (k *keeper) provisionable(secret []byte) (*provision.Unit, error) {
	kept, err := store.Open(unitDir + "/store")
	if err != nil {
		return nil, err
	}
	identity, err := provision.IdentityOf(secret)
	if err != nil {
		return nil, err
	}
	authority, err := readAuthority()
	if err != nil {
		return nil, err
	}
	serial, err := k.serial()
	if err != nil {
		return nil, err
	}
	return &provision.Unit{
		Serial: serial, Board: k.board.Name, Version: k.release.Version, Slot: k.slot, Built: k.release.Time(),
		Authority: authority, Development: exists(developmentFile),
		Store: kept, Chip: k.keys.chip, Identity: identity,
		Open: func() (*hal.Device, error) {
			k.dog.give()
			d, err := linux.Open(k.board, linux.Options{Dir: testDir, Unit: serial, Identity: identity, Counter: k.keys.chip.Floor(), Slots: k.slots,
				Development: exists(developmentFile)})
			if err != nil {
				k.dog.take()
				return nil, err
			}
			k.opened = d
			return d, nil
		},
		Close:        k.closeBoard,
		Dial:         reach,
		Logs:         k.logs,
		SetTime:      learnTime,
		CheckNetwork: func(s string) error { _, err := unit.ParseNetwork(s); return err },
		Update:       k.updater,
		Apply:        func(p provision.Provisioned) error { return k.apply(p, secret) },
		Reset:        k.forget,
		Restart:      func() { k.restart("asked for over the provisioning port") },
	}, nil
}

// forget removes what the TPM had sealed, after the TPM has lost the key over
// it. Where power goes in between, the next boot sees a TPM without that key,
// which is a new unit's.
func (k *keeper) forget() error {
	k.log.Warn("factory reset: the key in the TPM is gone")
	return k.keys.box.Wipe()
}

// closeBoard gives back what a self-test had open.
func (k *keeper) closeBoard() {
	if k.opened != nil && k.opened.Close != nil {
		if err := k.opened.Close(); err != nil {
			k.log.Warn("close the board: " + err.Error())
		}
	}
	k.opened = nil
	k.dog.take()
}

// serve answers on the provisioning port as long as the unit runs.
func (k *keeper) serve(ctx context.Context, u *provision.Unit) {
	k.onPort(ctx, func(port *prov.Port) error { return k.answer(ctx, port, u) })
}

// answer serves a port until the line fails. That the port is served is for
// apply to say.
func (k *keeper) answer(ctx context.Context, port *prov.Port, u *provision.Unit) error {
	defer k.port.Store(uint32(unit.Unserved))
	return provision.Serve(ctx, port, u)
}

// onPort opens the provisioning port and lets do use it, again where it fails.
func (k *keeper) onPort(ctx context.Context, do func(*prov.Port) error) {
	for ctx.Err() == nil {
		line, err := openLine(k.board.Provisioning)
		if err == nil {
			port := prov.NewPort(line)
			if k.board.Console != nil && k.board.Console.Device == k.board.Provisioning.Device {
				console.turn(port.Log())
			}
			err = do(port)
			port.Close()
			line.Close()
		}
		k.log.Warn("provisioning port", "ended", fmt.Sprint(err))
		time.Sleep(time.Second)
	}
}

// readAuthority reads the public key in the verified root.
func readAuthority() (ed25519.PublicKey, error) {
	b, err := os.ReadFile(authorityFile)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%s: not %d bytes of hex", authorityFile, ed25519.PublicKeySize)
	}
	return key, nil
}

// serial is the board's own number, or one of its TPM, which no other has.
func (k *keeper) serial() (string, error) {
	b, err := os.ReadFile("/sys/firmware/devicetree/base/serial-number")
	if s := strings.Trim(string(b), "\x00 \n"); err == nil && prov.CheckSerial(s) == nil {
		return s, nil
	}
	modulus, err := k.keys.chip.EndorsementKey()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(modulus)
	return hex.EncodeToString(sum[:8]), nil
}

// logs is what the journal has of this run, or of the end of the last that
// was cut off.
func (k *keeper) logs(crash bool) ([]byte, error) {
	read := func() ([]journal.Line, error) { return k.journal.Tail(logLines) }
	if crash {
		read = k.journal.Crash
	}
	lines, err := read()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, hal.ErrNotFound
	}
	var b bytes.Buffer
	err = journal.WriteText(&b, lines)
	return b.Bytes(), err
}

// reach tells whether an address answers.
func reach(ctx context.Context, address string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
