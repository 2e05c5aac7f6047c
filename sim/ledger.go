package sim

import (
	"time"

	"volar/wire"
)

// What a device may make of a wave, in the words of its own decisions. Other
// texts are waves that came to nothing.
const (
	Accepted = "accepted"
	Refused  = "refused"
	More     = "more"  // of an enrolment
	Broken   = "fault" // a part of the device, or the vault, was missing
)

// Outcome is how a wave ended, as the device tells it.
type Outcome struct {
	Text   string
	Person wire.Person // where accepted
	Bursts int
	Took   time.Duration
}

// Verdict judges an outcome.
type Verdict string

// The verdicts.
const (
	Right     Verdict = "right"
	Wrong     Verdict = "wrong"
	Undecided Verdict = "undecided" // nobody was accepted or refused
)

// Result is how a presentation ended.
type Result struct {
	Presentation
	Outcome string        `json:"outcome"` // of the last wave
	Verdict Verdict       `json:"verdict"`
	Why     string        `json:"why,omitempty"` // where it is wrong
	Waves   int           `json:"waves"`
	Bursts  int           `json:"bursts"`
	Again   int           `json:"again"` // waves that came to nothing, so that another was needed
	Took    time.Duration `json:"took_ns"`
}

// Ledger is the truth about who is enrolled: the pseudonym of each person, by
// the number in the script.
type Ledger map[int]wire.Person

// Judge compares what was decided about a presentation with what is true, and
// keeps the ledger.
func (l Ledger) Judge(p *Presentation, out Outcome) (Verdict, string) {
	claimed, known := l[p.Person]
	mine := p.Kind == Genuine || p.Kind == WrongHand || p.Kind == Poor
	switch {
	case p.Kind.Attack() && out.Text != Accepted && out.Text != More:
		return Right, "" // the device need not trouble the vault with it
	case out.Text != Accepted && out.Text != Refused:
		return Undecided, ""
	case p.purpose() == wire.Enrol:
		return l.enrolled(p, out, !known && mine)
	case out.Text == Refused && mine && known:
		return Wrong, "did not recognise the person"
	case out.Text == Refused:
		return Right, ""
	case !mine:
		return Wrong, "accepted " + string(p.Kind)
	case !known:
		return Wrong, "recognised a person who is not enrolled"
	case out.Person != claimed:
		return Wrong, "took one person for another"
	}
	if p.purpose() == wire.Delete {
		delete(l, p.Person)
	}
	return Right, ""
}

// enrolled judges the end of an enrolment that may, or must not, succeed.
func (l Ledger) enrolled(p *Presentation, out Outcome, may bool) (Verdict, string) {
	if out.Text == Accepted {
		l[p.Person] = out.Person
	}
	switch {
	case out.Text == Accepted && !may:
		return Wrong, "enrolled what must not be"
	case out.Text == Refused && may:
		return Wrong, "refused to enrol a new person"
	}
	return Right, ""
}
