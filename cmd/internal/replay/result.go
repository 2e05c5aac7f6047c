package replay

import (
	"strconv"
	"time"

	"volar/sim"
)

// Step is what one stage made of a burst, or of a wave.
type Step struct {
	Stage  string            `json:"stage"` // one of the Stages
	Burst  int               `json:"burst,omitempty"`
	Is     string            `json:"is"`               // what was decided
	Values map[string]Number `json:"values,omitempty"` // what was measured, and "ms", which is virtual
	Digest string            `json:"digest,omitempty"` // of crops: the first 8 bytes of SHA-256 in hex
}

// Number is written with six significant digits, which is more than any
// tolerance asks for and short enough to be read.
type Number float64

// MarshalJSON writes six significant digits.
func (n Number) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(n), 'g', 6, 64), nil
}

// rounded is the number as it is read back from what MarshalJSON wrote.
func rounded(v float64) Number {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return Number(v)
	}
	return Number(r)
}

// Stages are those of a wave in their order. The last four are of the wave as
// a whole.
var Stages = []string{
	StageGuide, StageChallenge, StageCapture, StageVision, StageQuality, StageLiveness, StageSeal, StageVault,
	StageFace, StageFault, StageDecision, StageTruth,
}

// Names of stages.
const (
	StageGuide     = "guide"     // the last look before the burst
	StageChallenge = "challenge" // the vault's nonce
	StageCapture   = "capture"   // the burst
	StageVision    = "vision"    // where the palm is
	StageQuality   = "quality"   // whether the picture is good
	StageLiveness  = "liveness"  // whether it lives
	StageSeal      = "seal"      // what is sent
	StageVault     = "vault"     // what is answered
	StageFace      = "face"      // what the person saw, in order
	StageFault     = "fault"     // what did not work
	StageDecision  = "decision"  // how the wave ended
	StageTruth     = "truth"     // whether that is right
)

// Wave is what became of one wave of a tape.
type Wave struct {
	Wave     int         `json:"wave"`         // on the tape, counted from 1
	ID       int         `json:"id,omitempty"` // of the presentation, where the tape says who came
	Purpose  string      `json:"purpose"`
	Person   string      `json:"person,omitempty"` // who came, as the tape says
	Kind     sim.Kind    `json:"kind,omitempty"`
	Note     string      `json:"note,omitempty"` // flaw, condition or species, as the tape says
	Hand     string      `json:"hand,omitempty"` // that the device saw
	Outcome  string      `json:"outcome"`        // "" where the firmware told of none
	Recorded string      `json:"recorded,omitempty"`
	Verdict  sim.Verdict `json:"verdict,omitempty"` // where the tape says who came
	Why      string      `json:"why,omitempty"`
	Bursts   int         `json:"bursts"`
	Steps    []Step      `json:"-"`
}

// Result is what became of a tape. But for Times and Took, equal tapes have
// equal results on machines of one architecture.
type Result struct {
	Tape      string                     `json:"tape"`   // path as it was given
	Name      string                     `json:"name"`   // of its golden
	SHA256    string                     `json:"sha256"` // of the whole file
	Synthetic bool                       `json:"synthetic"`
	Waves     []Wave                     `json:"-"`
	Error     string                     `json:"error,omitempty"` // why it was not played to its end
	Usage     bool                       `json:"-"`               // the error is a mistake of whoever named the tape
	Times     map[string][]time.Duration `json:"-"`               // real, by stage
	Took      time.Duration              `json:"-"`               // real
	Answer    []byte                     `json:"-"`               // of jobs other than to play a tape, as JSON
}
