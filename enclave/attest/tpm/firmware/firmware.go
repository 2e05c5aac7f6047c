// Package firmware reads the log in which a machine's firmware and boot
// loader say what they measured into a TPM (TCG PC Client Platform Firmware
// Profile 1.05, chapter 10), for people who write policies. Devices do not
// need it: they compare registers.
package firmware

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-eventlog/register"
	"github.com/google/go-eventlog/tcg"

	"volar/enclave/attest/tpm"
)

// MaxLog is the longest log that is read, in bytes.
const MaxLog = 1 << 20

// Why a log is refused.
var (
	ErrForm   = errors.New("no event log of a TPM 2.0")
	ErrReplay = errors.New("the log does not give the machine's registers")
)

// Event is one entry. Only its digest is what a register vouches for; the
// type is what the firmware calls it.
type Event struct {
	PCR    int
	Type   string
	Digest [32]byte
}

// Replay reads a log, computes what registers 0 to 9 hold after it, and
// compares every one of them. A register of which the log says nothing must
// be empty.
func Replay(log []byte, boot tpm.Boot) ([]Event, error) {
	if len(log) == 0 || len(log) > MaxLog {
		return nil, fmt.Errorf("firmware: log: %w: %d bytes, 1 to %d", ErrForm, len(log), MaxLog)
	}
	parsed, err := tcg.ParseEventLog(log, tcg.ParseOpts{})
	if err != nil {
		return nil, fmt.Errorf("firmware: log: %w: %w", ErrForm, err)
	}
	if !slices.Contains(parsed.Algs, register.HashSHA256) {
		return nil, fmt.Errorf("firmware: log: %w: no SHA-256 digests", ErrForm)
	}
	var replayed tpm.Boot
	var events []Event
	for i, e := range parsed.Events(register.HashSHA256) {
		if e.Type == tcg.NoAction {
			start(&replayed, e)
			continue
		}
		if e.Index < 0 || e.Index >= len(replayed) {
			continue // of a register that is not asked about
		}
		if len(e.Digest) != sha256.Size {
			return nil, fmt.Errorf("firmware: log: %w: event %d has no SHA-256 digest", ErrForm, i)
		}
		r := &replayed[e.Index]
		*r = sha256.Sum256(append(r[:], e.Digest...))
		events = append(events, Event{e.Index, tcg.EventType(e.Type).String(), [32]byte(e.Digest)})
	}
	for i := range boot {
		if replayed[i] != boot[i] {
			return nil, fmt.Errorf("firmware: log: %w: PCR %d is %x, the log gives %x", ErrReplay, i, boot[i][:8], replayed[i][:8])
		}
	}
	return events, nil
}

// start takes the one statement that changes a register without extending it:
// from which locality the TPM was started, which is PCR 0's first value
// (chapter 10.4.5.3).
func start(boot *tpm.Boot, e tcg.Event) {
	const name = "StartupLocality\x00"
	if e.Index == 0 && len(e.Data) == len(name)+1 && string(e.Data[:len(name)]) == name && boot[0] == ([32]byte{}) {
		boot[0][31] = e.Data[len(name)]
	}
}
