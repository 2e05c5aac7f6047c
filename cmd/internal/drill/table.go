package drill

import (
	"errors"
	"time"

	"volar/sim"
)

const (
	duringGuide   = "guide"
	duringCapture = "capture"
	duringWait    = "wait"
	duringDial    = "approach" // before the vault is asked for anything
)

// moments are when a camera's fault strikes and how long it lasts: what a
// device must notice in a burst, it gets there.
var moments = map[string]struct {
	during string
	lasts  time.Duration
}{
	"camera-stall": {duringCapture, 3 * time.Second},
	"usb-reset":    {duringCapture, 5 * time.Second},
	"lost-nir":     {duringCapture, 500 * time.Millisecond},
	"lost-rgb":     {duringCapture, 500 * time.Millisecond},
	"wrong-lamp":   {duringCapture, 500 * time.Millisecond},
	"clock-back":   {duringCapture, 500 * time.Millisecond},
	"dead-white":   {duringCapture, 8 * time.Second},
	"dead-940":     {duringCapture, 8 * time.Second},
	"dim-white":    {duringCapture, 8 * time.Second},
}

func cameraFaults() (list []Fault) {
	for _, c := range sim.CameraFaults() {
		f := Fault{Name: c.Name, Family: Camera, About: c.About, during: duringGuide, lasts: 4 * time.Second}
		if m, ok := moments[c.Name]; ok {
			f.during, f.lasts = m.during, m.lasts
		}
		f.strike = func(b *bench) func() { b.camera.Strike(c); return b.camera.Heal }
		list = append(list, f)
	}
	return list
}

var errBusy = errors.New("tpm: busy, try again (TPM_RC_RETRY)")

// partFaults are of what is beside the cameras.
var partFaults = []Fault{
	{
		Name: "tpm-slow", Family: Device, About: "the chip that holds the device's key takes 3 s for each operation", during: duringDial, lasts: 20 * time.Second,
		strike: func(b *bench) func() { b.identity.slow(3 * time.Second); b.cut(); return func() { b.identity.slow(0) } },
	},
	{
		Name: "tpm-busy", Family: Device, About: "the chip that holds the device's key refuses for 6 s", during: duringDial, lasts: 6 * time.Second,
		strike: func(b *bench) func() { b.identity.fail(errBusy); b.cut(); return func() { b.identity.fail(nil) } },
	},
	{
		Name: "presence-fails", Family: Device, About: "the presence sensor gives errors for 5 s", during: duringGuide, lasts: 5 * time.Second,
		strike: func(b *bench) func() {
			b.presence.fail(errors.New("i2c: no acknowledge"))
			return func() { b.presence.fail(nil) }
		},
	},
	{
		Name: "face-fails", Family: Device, About: "ring, sound and text do not answer for 2 s", during: duringGuide, lasts: 2 * time.Second,
		strike: func(b *bench) func() { b.face.fail(errors.New("spi: timeout")); return func() { b.face.fail(nil) } },
	},
	{
		Name: "device-disk-full", Family: Device, About: "the device's own disk is full for 10 s, and the session is lost", during: duringDial, lasts: 10 * time.Second,
		strike: func(b *bench) func() { b.store.fail(errFull); b.cut(); return func() { b.store.fail(nil) } },
	},
}

var errFull = errors.New("no space left on device")

// networkFaults are of the line between device and host.
var networkFaults = []Fault{
	{
		Name: "host-slow", Family: Network, About: "each packet takes 700 ms for 8 s", during: duringWait, lasts: 8 * time.Second,
		strike: func(b *bench) func() { return b.net.be(slow) },
	},
	{
		Name: "host-very-slow", Family: Network, About: "each packet takes 6 s for 15 s, longer than a device waits", during: duringWait, lasts: 15 * time.Second,
		strike: func(b *bench) func() { return b.net.be(crawling) },
	},
	{
		Name: "host-cut", Family: Network, About: "the connection is cut while the vault is asked", during: duringWait, lasts: time.Millisecond,
		strike: func(b *bench) func() { b.cut(); return func() {} },
	},
	{
		Name: "host-gone", Family: Network, About: "the host cannot be reached for 20 s", during: duringCapture, lasts: 20 * time.Second,
		strike: func(b *bench) func() { heal := b.net.be(unreachable); b.cut(); return heal },
	},
	{
		Name: "half-closed", Family: Network, About: "what the device sends goes nowhere, and nothing comes back, for 8 s", during: duringWait, lasts: 8 * time.Second,
		strike: func(b *bench) func() { return b.net.be(halfClosed) },
	},
	{
		Name: "garbled", Family: Network, About: "one bit of each packet is wrong for 4 s", during: duringWait, lasts: 4 * time.Second,
		strike: func(b *bench) func() { return b.net.be(garbled) },
	},
}

// vaultFaults are of the vault and of what it keeps.
var vaultFaults = []Fault{
	{
		Name: "vault-restart", Family: Store, About: "the vault is ended and started again on its store", during: duringCapture, lasts: time.Millisecond,
		strike: func(b *bench) func() { b.restart(); return func() {} },
	},
	{
		Name: "vault-restart-enrol", Family: Store, About: "the same in the middle of an enrolment", during: duringWait, lasts: time.Millisecond, purpose: "enrol",
		strike: func(b *bench) func() { b.restart(); return func() {} },
	},
	{
		Name: "vault-disk-full", Family: Store, About: "the store's disk is full while somebody enrols, for 20 s", during: duringDial, lasts: 20 * time.Second, purpose: "enrol",
		strike: func(b *bench) func() {
			b.shelf.Fail(func() error { return errFull })
			return func() { b.shelf.Fail(nil) }
		},
	},
	{
		Name: "vault-disk-slow", Family: Store, About: "the store takes 2 s for each write while somebody enrols", during: duringDial, lasts: 30 * time.Second, purpose: "enrol",
		strike: func(b *bench) func() {
			b.shelf.Fail(func() error { time.Sleep(2 * time.Second); return nil })
			return func() { b.shelf.Fail(nil) }
		},
	},
}
