// Package update brings a new system to a unit and keeps it only if it works:
// the bytes of a signed bundle arrive, are verified, written to the slot that
// does not run, read back and tried; a healthy system is kept, and the unit
// goes back by itself from any other. See State for the machine.
//
// Nothing that carries a bundle is trusted, and a power cut at any moment
// leaves a unit that starts.
package update

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"volar/hal"
	"volar/wire/bootstate"
	"volar/wire/bundle"
)

// Release is the system that runs, as its own signed image says.
type Release struct {
	Board  string
	Name   string // "1.2.3"
	Serial uint64
	Floor  uint64
}

// Slots are the two places that the unit boots from; volar/hal/linux/slots
// has them on partitions.
type Slots interface {
	Running() string                 // "a" or "b"
	State() (bootstate.State, error) // as it stands on the disk
	Tries() uint8                    // that a fresh trial has

	// Read opens a part of a slot: what is on the medium, from no cache. The
	// caller calls done.
	Read(slot, part string) (r *io.SectionReader, done func() error, err error)

	// Clear takes the slot that does not run out of service; Write fills a
	// part of it, which is on the medium when it returns; Ready says that it is
	// whole; TryOther lets the boot loader try it, and refuses unless it is ready.
	Clear() error
	Write(ctx context.Context, part string, r io.Reader) error
	Ready() error
	TryOther() error

	Confirm() error        // the running slot is good
	Bad(slot string) error // a slot is out of service
}

// Staging keeps the bytes that were fetched, over power cuts.
type Staging interface {
	io.ReaderAt
	Size() (int64, error)
	Append(b []byte) error // on the medium when it returns
	Room() (int64, error)  // bytes that there is room for, beside those that are there
	Reset() error          // forget them; also where there are none
}

// Sealer seals what opens the data for a system that does not run yet.
type Sealer interface {
	// SealFor lets the system whose boot part has the SHA-256 fit, and whose
	// floor is floor, open the data from the given slot. It reads back what it
	// wrote, and may be called again.
	SealFor(ctx context.Context, slot string, fit [32]byte, floor uint64) error
	// Prune forgets what neither slot needs.
	Prune(ctx context.Context) error
}

// Config is what New needs. All but Log and Now is.
type Config struct {
	Release Release
	Key     ed25519.PublicKey // that bundles are signed with
	Slots   Slots
	Store   hal.Store
	Staging Staging
	Counter hal.Counter // the floor, in the TPM
	Seal    Sealer

	// Health tells whether the unit does what it must do. It may take a few
	// minutes; the watchdog runs meanwhile.
	Health func(context.Context) error

	// Restart restarts the unit. Nothing is called after it.
	Restart func(why string)

	Log *slog.Logger // nil discards
	Now func() time.Time
}

// healthTime bounds how long a new system may take to be healthy.
const healthTime = 10 * time.Minute

// maxRewrites is how often the other slot is written again when it does not
// read back. Flash that fails twice is worn out.
const maxRewrites = 2

// pause is how long the unit waits before it tries again what it must do.
const pause = 10 * time.Second

// Updater updates one unit. It may be used by several goroutines at once.
type Updater struct {
	cfg Config

	mu       sync.Mutex
	rec      record
	manifest *bundle.Manifest // of rec; nil while idle, and where this system does not understand it
	came     bool             // the slot was tried, and the old system runs again
	have     int64            // bytes that were fetched
	wake     chan struct{}    // holds one value where Run has something to do
}

// New reads where the unit is in an update.
func New(cfg Config) (*Updater, error) {
	for name, missing := range map[string]bool{"release": cfg.Release.Board == "" || cfg.Release.Serial == 0 || cfg.Release.Floor == 0,
		"key": len(cfg.Key) != ed25519.PublicKeySize, "slots": cfg.Slots == nil, "store": cfg.Store == nil, "staging": cfg.Staging == nil,
		"counter": cfg.Counter == nil, "sealer": cfg.Seal == nil, "health check": cfg.Health == nil, "restart": cfg.Restart == nil} {
		if missing {
			return nil, fmt.Errorf("update: new: no %s", name)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	u := &Updater{cfg: cfg, wake: make(chan struct{}, 1)}
	return u, u.resume()
}

// resume finds the state in which to go on.
func (u *Updater) resume() error {
	rec, note, err := load(u.cfg.Store)
	if err != nil {
		return err
	}
	if note != nil {
		u.cfg.Log.Warn("the record of the last update is not understood", "error", note)
	}
	boot, err := u.cfg.Slots.State()
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	was := rec.State
	rec.State = resume(was, rec.Target, u.cfg.Slots.Running(), boot, u.cfg.Slots.Tries())
	if len(rec.Manifest) > 0 {
		if u.manifest, err = bundle.Open(rec.Manifest, u.cfg.Key); err != nil && rec.State.needsManifest() {
			rec.State, rec.Why = Back, err.Error()
		}
	}
	if rec.State == Trial && rec.Target == "" {
		rec.Target = u.cfg.Slots.Running()
	}
	if rec.State == Back && was >= Arm && was != Back {
		u.came, rec.Why = true, whyBack(was, boot.Of(rec.Target), rec.Why)
	}
	if u.have, err = u.cfg.Staging.Size(); err != nil {
		return fmt.Errorf("update: size of what was fetched: %w", err)
	}
	switch {
	case rec.State == Trial && was != Trial:
		u.cfg.Log.Info("update", "event", NewRuns.String(), "state", rec.State.String(), "slot", rec.Target)
	case u.came:
		u.cfg.Log.Warn("update", "event", OldRuns.String(), "state", rec.State.String(), "slot", rec.Target, "why", rec.Why)
	case rec.State > Idle:
		u.cfg.Log.Info("update goes on", "was", was.String(), "state", rec.State.String(), "slot", rec.Target)
	}
	u.rec = rec
	return nil
}

// whyBack says why the old system runs again.
func whyBack(was State, slot bootstate.Slot, why string) string {
	switch {
	case was == Leave:
		return why
	case slot.Status == bootstate.Bad:
		return "the new system was found damaged when it was started"
	}
	return "the new system did not come up"
}

// Run settles what the last start left, and then does what offers ask for,
// until ctx ends or the unit restarts. Call it once the unit runs: a system on
// trial is asked for its health at once.
func (u *Updater) Run(ctx context.Context) {
	for ctx.Err() == nil {
		restarts, err := u.step(ctx)
		switch {
		case restarts:
			return
		case err == nil:
		case ctx.Err() != nil:
			return
		default:
			u.cfg.Log.Error("update waits", "state", u.state().String(), "error", err)
			if !sleep(ctx, pause) {
				return
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (u *Updater) state() State {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rec.State
}

// step does what the state asks for and goes on to the next one. An error
// means that it must be done again.
func (u *Updater) step(ctx context.Context) (restarts bool, err error) {
	s := u.state()
	switch s {
	case Idle:
		return false, u.wait(ctx)
	case Restart:
		u.cfg.Log.Info("restart into the new system", "slot", u.rec.Target)
		u.cfg.Restart("update: restart into slot " + u.rec.Target)
		return true, nil
	case Leave:
		if err := u.cfg.Slots.Bad(u.cfg.Slots.Running()); err != nil {
			return false, err
		}
		u.cfg.Restart("update: " + u.rec.Why)
		return true, nil
	}
	e, why, err := u.act(ctx, s)
	if err != nil {
		return false, err
	}
	return false, u.advance(s, e, why)
}

// wait waits for an offer.
func (u *Updater) wait(ctx context.Context) error {
	select {
	case <-u.wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// advance saves the state that follows. Only when it is on the disk does it count.
func (u *Updater) advance(s State, e Event, why string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rec.State != s {
		return nil // another offer came meanwhile
	}
	to, ok := next(s, e)
	if !ok {
		return nil
	}
	rec := u.rec
	rec.State = to
	if why != "" {
		rec.Why = why
	}
	if e == Differs {
		rec.Rewrites++
	}
	if e == Fetched && u.have != u.manifest.Payload() {
		return nil // another offer came meanwhile
	}
	if to == Idle {
		rec = u.ended(rec, e)
	}
	if err := rec.save(u.cfg.Store); err != nil {
		return err
	}
	u.rec = rec
	if to == Idle {
		u.manifest, u.came, u.have = nil, false, 0
	}
	u.cfg.Log.Info("update", "event", e.String(), "state", to.String(), "why", why)
	return nil
}

// ended is the record after an update.
func (u *Updater) ended(rec record, e Event) record {
	if u.came {
		rec.came(id(rec.Manifest))
	}
	end := last{Name: u.cfg.Release.Name, Serial: u.cfg.Release.Serial, Done: e == Raised, At: u.cfg.Now().Unix()}
	if e != Raised {
		end.Name, end.Serial, end.Why = "", 0, rec.Why
		if u.manifest != nil {
			end.Name, end.Serial = u.manifest.Name, u.manifest.Serial
		}
	}
	return record{State: Idle, Failures: rec.Failures, Last: end}
}

// id is what a bundle is known by.
func id(manifest []byte) [32]byte { return sha256.Sum256(manifest) }
