package update

import (
	"fmt"

	"volar/wire/bootstate"
)

// State is where an update is. The zero State is blank: a unit
// that never had an update, and becomes idle as soon as it starts.
//
//	            ┌───────────────────────────────────────────┐
//	       idle ◀───────────────────────────── back ◀──┐    │
//	        │ offered                                  │    │
//	        ▼                                          │    │
//	      fetch ◀─┐ offered (another)                  │    │
//	        │ ────┘                                    │    │
//	        │ fetched        failed ───────────────────┤    │
//	        ▼                                          │    │
//	      verify ── verified ──▶ write ── written ──┐  │    │
//	                               ▲                │  │    │
//	                       differs └── check ◀──────┘  │    │
//	                                     │ same        │    │
//	                                     ▼             │    │
//	                       arm ◀────── seal            │    │
//	                        │ armed                    │    │
//	                        ▼                          │    │
//	                      restart ── the old one runs ─┤    │
//	· · · · · · · · · · · · │ · · the new system · · · │ · ·│· ·
//	                        │ the new one runs         │    │
//	                        ▼                          │    │
//	                      trial ── ill ──▶ leave ──────┘    │
//	                        │ healthy                       │
//	                        ▼                               │
//	                     confirm ── confirmed ──▶ raise ────┘
//
// Every arrow:
//
//	idle    -- offered   --> fetch
//	fetch   -- offered   --> fetch
//	fetch   -- fetched   --> verify
//	fetch   -- failed    --> back
//	verify  -- verified  --> write
//	verify  -- failed    --> back
//	write   -- written   --> check
//	write   -- failed    --> back
//	check   -- same      --> seal
//	check   -- differs   --> write
//	check   -- failed    --> back
//	seal    -- sealed    --> arm
//	seal    -- failed    --> back
//	arm     -- armed     --> restart
//	arm     -- failed    --> back
//	restart -- new runs  --> trial
//	restart -- old runs  --> back
//	trial   -- healthy   --> confirm
//	trial   -- ill       --> leave
//	trial   -- old runs  --> back
//	leave   -- old runs  --> back
//	confirm -- confirmed --> raise
//	raise   -- raised    --> idle
//	back    -- cleaned   --> idle
//
// Every state is on the disk before what it does begins, and what it does may
// be done twice: after a power cut the unit goes on where the disk says
// (resume), with three exceptions that look at the boot state first.
type State uint8

// Every state there is.
const (
	Blank   State = iota
	Idle          // no update
	Fetch         // a manifest was accepted; its bytes arrive, in whatever way
	Verify        // are they the ones that were signed, and does the delta fit what runs
	Write         // into the other slot
	Check         // read it back from the medium
	Seal          // seal the data's key for the new system
	Arm           // let the boot loader try the other slot
	Restart       // into the new system
	Trial         // the new system runs: is it healthy
	Leave         // it is not: give it up and restart into the old one
	Confirm       // it is: keep it
	Raise         // the floor, so that nothing older starts again
	Back          // the old system runs, or never stopped: clean up
	stateCount
)

var stateNames = [stateCount]string{
	"blank", "idle", "fetch", "verify", "write", "check", "seal", "arm", "restart", "trial", "leave", "confirm", "raise", "back",
}

// String is the state's name in the status, the journal and the drawing.
func (s State) String() string {
	if s >= stateCount {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return stateNames[s]
}

// needsManifest says whether what is done in a state depends on what the
// bundle is.
func (s State) needsManifest() bool { return s >= Fetch && s <= Restart }

// Event is what ends a state. The zero Event is none.
type Event uint8

// Every event there is.
const (
	NoEvent   Event = iota
	Offered         // a manifest was accepted
	Fetched         // all of its bytes are here
	Verified        // and are the right ones
	Written         // both parts are in the other slot
	Same            // they read back as they should
	Differs         // they do not, and there is a try left
	Sealed          // the new system will open the data
	Armed           // the boot loader will try it
	NewRuns         // it did: this is the new system
	OldRuns         // it did, and came back: this is the old one
	Healthy         // the new system does what a unit must do
	Ill             // it does not
	Confirmed       // the boot loader keeps it
	Raised          // nothing below its floor starts any more
	Failed          // a step before the restart cannot be done
	Cleaned         // nothing is left of the update
	eventCount
)

var eventNames = [eventCount]string{
	"none", "offered", "fetched", "verified", "written", "same", "differs", "sealed", "armed",
	"new runs", "old runs", "healthy", "ill", "confirmed", "raised", "failed", "cleaned",
}

// String is the event's name in the journal and in the drawing.
func (e Event) String() string {
	if e >= eventCount {
		return fmt.Sprintf("event(%d)", uint8(e))
	}
	return eventNames[e]
}

// table is the machine. Where there is no entry the event means nothing in
// that state.
var table = [stateCount][eventCount]State{
	Idle:    {Offered: Fetch},
	Fetch:   {Offered: Fetch, Fetched: Verify, Failed: Back},
	Verify:  {Verified: Write, Failed: Back},
	Write:   {Written: Check, Failed: Back},
	Check:   {Same: Seal, Differs: Write, Failed: Back},
	Seal:    {Sealed: Arm, Failed: Back},
	Arm:     {Armed: Restart, Failed: Back},
	Restart: {NewRuns: Trial, OldRuns: Back},
	Trial:   {Healthy: Confirm, Ill: Leave, OldRuns: Back},
	Leave:   {OldRuns: Back},
	Confirm: {Confirmed: Raise},
	Raise:   {Raised: Idle},
	Back:    {Cleaned: Idle},
}

// next is the machine: the state that follows s when e happens, and whether
// e means anything there. Where it does not, the state stays.
func next(s State, e Event) (State, bool) {
	if s >= stateCount || e >= eventCount || table[s][e] == Blank {
		return s, false
	}
	return table[s][e], true
}

// resume is the state in which a unit goes on that starts: s is what the disk
// says, target the slot that the update is for, running the slot that runs,
// and boot what boot loader and unit have told each other. tries is how many
// a fresh trial has.
//
// The boot state is the truth about the restart, because the boot loader
// writes it and the disk's record it cannot: a slot on trial with fewer tries
// than it was given has been tried. Such a slot is never armed again.
func resume(s State, target, running string, boot bootstate.State, tries uint8) State {
	slot := boot.Of(target)
	switch {
	case s == Blank || s == Idle:
		if boot.Of(running).Status == bootstate.Trial { // its record is lost, the trial is not
			return Trial
		}
		return Idle
	case running == target:
		switch {
		case s == Leave || s == Confirm || s == Raise:
			return s
		case slot.Status == bootstate.Good: // what ran before was found damaged in the middle of the update
			return Back
		}
		return Trial
	case s < Check || s == Back:
		return s
	case s == Check || s == Seal:
		return Check // what is on the medium is looked at again before it is trusted
	case s == Arm || s == Restart:
		switch {
		case slot.Status == bootstate.Ready:
			return Arm
		case slot.Status == bootstate.Trial && slot.Left == tries:
			return Restart
		}
	}
	return Back
}
