package hal

import "fmt"

// Cue is one thing that the device says to the person in front of it: what
// the ring shows, what sounds, and what the text says, always together. The
// zero Cue is an idle face.
type Cue uint8

// Every cue there is.
const (
	CueIdle Cue = iota
	CueHover
	CueCloser
	CueFarther
	CueFlatter
	CueSpread
	CueStill
	CueCentre
	CueWorking
	CueAccepted
	CueRefused
	CueAgain
	CueOtherHand
	CuePolicy
	CueVaultUnknown
	CueVaultOpen
	CueVaultOld
	CueVaultUnproved
	CueOutOfService
	cueCount
)

// Look is how a cue is shown on the three outputs.
type Look struct {
	Ring  string // colour and movement of the ring of lamps
	Sound string // "" is silence
	Text  string // at most 24 characters
}

var looks = [cueCount]Look{
	CueIdle:      {"white breathing", "", ""},
	CueHover:     {"white steady", "", "Hover your palm"},
	CueCloser:    {"blue inward", "", "Closer"},
	CueFarther:   {"blue outward", "", "Farther"},
	CueFlatter:   {"blue tilting", "", "Flatter"},
	CueSpread:    {"blue fan", "", "Spread your fingers"},
	CueStill:     {"blue steady", "", "Hold still"},
	CueCentre:    {"blue cross", "", "Centre your palm"},
	CueWorking:   {"white turning", "", "One moment"},
	CueAccepted:  {"green full", "rising", "Thank you"},
	CueRefused:   {"red full", "falling", "Not recognised"},
	CueAgain:     {"amber full", "two short", "Please try again"},
	CueOtherHand: {"white half", "one short", "Now the other hand"},

	// Out of service because of the vault, and why.
	CuePolicy:        {"red breathing", "", "Settings not valid"},
	CueVaultUnknown:  {"red breathing", "", "Vault unknown"},
	CueVaultOpen:     {"red breathing", "", "Vault not sealed"},
	CueVaultOld:      {"red breathing", "", "Vault out of date"},
	CueVaultUnproved: {"red breathing", "", "Vault not proved"},

	CueOutOfService: {"red breathing", "", "Out of service"},
}

// Look tells how the cue is shown.
func (c Cue) Look() (Look, error) {
	if c >= cueCount {
		return Look{}, fmt.Errorf("hal: unknown cue %d", uint8(c))
	}
	return looks[c], nil
}

var cueNames = [cueCount]string{
	"idle", "hover", "closer", "farther", "flatter", "spread", "still", "centre",
	"working", "accepted", "refused", "again", "other-hand",
	"policy", "vault-unknown", "vault-open", "vault-old", "vault-unproved", "out-of-service",
}

// String is the cue's name in logs, tapes and JSON.
func (c Cue) String() string {
	if c >= cueCount {
		return fmt.Sprintf("cue(%d)", uint8(c))
	}
	return cueNames[c]
}
