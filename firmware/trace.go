package firmware

import (
	"time"

	"volar/enclave/attest"
	"volar/hal"
	"volar/wire"
)

// Outcome is how a wave ended. The zero Outcome is none.
type Outcome string

// Every outcome there is.
const (
	Accepted Outcome = "accepted"  // the vault says yes
	Refused  Outcome = "refused"   // the vault says no
	Another  Outcome = "more"      // enrolment: another wave is wanted
	Unusable Outcome = "unusable"  // no burst of the wave was good enough
	NotLive  Outcome = "not live"  // the last burst was good, and not of a living palm
	TimedOut Outcome = "timeout"   // no palm was held well, or no order came
	Left     Outcome = "hand gone" // the hand left before a burst was taken
	Broken   Outcome = "fault"     // a part of the device, or the vault, was missing
)

// Decision is how a wave ended, for the till or door behind the device. It
// names a person, so it does not belong into a log.
type Decision struct {
	Wave    uint64
	Order   Order
	Outcome Outcome
	Person  wire.Person   // zero unless Accepted
	Hand    wire.Hand     // that was seen; 0 where no burst was rectified
	Next    wire.Hand     // that is wanted next where Outcome is Another
	Bursts  int           // that were taken
	Took    time.Duration // from the hand's coming to the decision
	Receipt []byte        // of a deletion: wire.Receipt, signed; it is for the person
}

// Trace is one line of what the device does, for logs, tapes and displays.
// It has no pixels, no scores, no templates and no persons.
type Trace struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // one of the constants below
	Wave uint64    `json:"wave,omitempty"`

	From  string `json:"from,omitempty"` // KindState
	To    string `json:"to,omitempty"`
	Event string `json:"event,omitempty"`

	Cue   hal.Cue       `json:"-"`
	Shows string        `json:"cue,omitempty"`     // KindCue: the name of Cue
	Stage string        `json:"stage,omitempty"`   // KindStage, KindRetry
	Took  time.Duration `json:"took_ns,omitempty"` // KindStage, KindDecision

	Why     []string `json:"why,omitempty"` // KindRetry: names of measures and checks that failed
	Purpose string   `json:"purpose,omitempty"`
	Outcome Outcome  `json:"outcome,omitempty"` // KindDecision
	Hand    string   `json:"hand,omitempty"`
	Bursts  int      `json:"bursts,omitempty"`
	Error   string   `json:"error,omitempty"` // KindFault

	// KindFault, where a vault was refused: attest.Reason, for people.
	Reason string `json:"reason,omitempty"`
	Says   string `json:"says,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// The kinds of a Trace.
const (
	KindState    = "state"    // the machine moved
	KindCue      = "cue"      // the face changed
	KindStage    = "stage"    // a stage of a wave ended, and how long it took
	KindRetry    = "retry"    // a burst could not be used
	KindDecision = "decision" // a wave ended
	KindFault    = "fault"    // a part did not work
)

// The stages whose time is told.
const (
	StageGuide    = "guide"    // from the first look to a steady palm
	StageOpen     = "open"     // dialling the vault and checking its evidence
	StageNonce    = "nonce"    // asking for a challenge
	StageCapture  = "capture"  // taking the burst
	StageVision   = "vision"   // rectifying it
	StageQuality  = "quality"  // measuring it
	StageLiveness = "liveness" // judging it
	StageSeal     = "seal"     // making the sample
	StageLink     = "link"     // from sending the sample to the vault's answer
	StageAnswer   = "answer"   // from the steady palm to the cue that tells
)

func (r *runner) trace(t Trace) {
	if r.cfg.Trace == nil {
		return
	}
	t.At, t.Wave = time.Now(), r.wave
	r.cfg.Trace(t)
}

// stage starts the clock of a stage; the function that it returns stops it.
func (r *runner) stage(name string) func() {
	began := time.Now()
	return func() { r.trace(Trace{Kind: KindStage, Stage: name, Took: time.Since(began)}) }
}

// fault tells of an error, once until another one or a whole wave.
func (r *runner) fault(err error) {
	text := err.Error()
	if text == r.broken {
		return
	}
	r.broken = text
	why, _ := attest.Why(err)
	r.trace(Trace{Kind: KindFault, Error: text, Reason: why.Name, Says: why.Text, Hint: why.Hint})
}

// show changes the face where it does not show c already. A face that does
// not work is told of and does not stop a wave.
func (r *runner) show(c hal.Cue) {
	if r.shown && r.cue == c {
		return
	}
	r.cue, r.shown = c, true
	if err := r.dev.Face.Show(c); err != nil {
		r.fault(err)
		return
	}
	r.trace(Trace{Kind: KindCue, Cue: c, Shows: c.String()})
}
