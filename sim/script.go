package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"volar/sim/attack"
	"volar/sim/palm"
	"volar/wire"
)

// Kind is who or what is presented.
type Kind string

// The kinds of a presentation.
const (
	Genuine     Kind = "genuine"      // the person, who obeys the device's cues
	Stranger    Kind = "stranger"     // somebody who is never enrolled
	Impostor    Kind = "impostor"     // person By, who claims to be Person
	WrongHand   Kind = "wrong-hand"   // at an enrolment: gives the same hand again when first asked for the other
	Poor        Kind = "poor"         // the person, held badly and heeding no cue
	PrintLaser  Kind = "print-laser"  // a colour print of the person's palm, by laser
	PrintInkjet Kind = "print-inkjet" // by ink
	PrintVein   Kind = "print-vein"   // a print of the person's veins as the NIR camera sees them
	ScreenKind  Kind = "screen"       // a tablet that shows the person's palm
	Attacking   Kind = "attack"       // an instrument of package attack that imitates the person's hand
)

// materials of the kinds that are no living hand.
var materials = map[Kind]palm.Material{
	PrintLaser: palm.LaserPrint, PrintInkjet: palm.InkjetPrint, PrintVein: palm.VeinPrint, ScreenKind: palm.Screen,
}

// Attack tells whether what is presented is no living hand.
func (k Kind) Attack() bool { return k == Attacking || materials[k] != palm.Skin }

var allKinds = []Kind{Genuine, Stranger, Impostor, WrongHand, Poor, PrintLaser, PrintInkjet, PrintVein, ScreenKind, Attacking}

// Presentation is one line of a script: somebody comes to the device for
// something. An enrolment is one presentation of many waves.
type Presentation struct {
	ID        int    `json:"id"`                  // 1 and up, growing from line to line
	Purpose   string `json:"purpose"`             // as wire.Purpose writes it
	Person    int    `json:"person"`              // who is meant, 0 to MaxPerson
	Kind      Kind   `json:"kind"`                //
	Hand      string `json:"hand,omitempty"`      // "left", "right"; "" leaves it to the seed
	By        int    `json:"by,omitempty"`        // of an Impostor: who comes
	Pose      string `json:"pose,omitempty"`      // "guided" (also ""), "unguided"
	Flaw      string `json:"flaw,omitempty"`      // of a Poor one, as palm.Flaw writes it; "" leaves it to the seed
	Species   string `json:"species,omitempty"`   // of an attack: which, as attack.All has it
	Condition string `json:"condition,omitempty"` // "", "cold", "ring", "plaster", "dirty"
	Seed      uint64 `json:"seed,omitempty"`      // of everything that varies
}

// Limits of a script.
const (
	MaxPerson  = 1 << 20
	maxLine    = 4 << 10
	maxPresent = 100_000
)

var conditions = map[string]palm.Condition{
	"": {}, "cold": {Cold: 0.8}, "ring": {Ring: true}, "plaster": {Plaster: true}, "dirty": {Dirt: 0.7},
}

var purposes = []wire.Purpose{wire.Identify, wire.Verify, wire.Enrol, wire.Update, wire.Delete}

func (p *Presentation) purpose() wire.Purpose {
	for _, w := range purposes {
		if w.String() == p.Purpose {
			return w
		}
	}
	return 0
}

// Check refuses what makes no sense.
func (p *Presentation) Check() error {
	purpose := p.purpose()
	_, knownCondition := conditions[p.Condition]
	switch {
	case p.ID < 1:
		return fmt.Errorf("id %d, allowed 1 and up", p.ID)
	case purpose == 0:
		return fmt.Errorf("unknown purpose %.32q", p.Purpose)
	case !slices.Contains(allKinds, p.Kind):
		return fmt.Errorf("unknown kind %.32q, known are %q", p.Kind, allKinds)
	case p.Person < 0 || p.Person > MaxPerson || p.By < 0 || p.By > MaxPerson:
		return fmt.Errorf("person %d by %d, allowed 0 to %d", p.Person, p.By, MaxPerson)
	case p.Hand != "" && p.Hand != wire.Left.String() && p.Hand != wire.Right.String():
		return fmt.Errorf("unknown hand %.32q", p.Hand)
	case p.Pose != "" && p.Pose != "guided" && p.Pose != "unguided":
		return fmt.Errorf("unknown pose %.32q", p.Pose)
	case !knownCondition:
		return fmt.Errorf("unknown condition %.32q", p.Condition)
	case p.Kind == Impostor && (p.By == p.Person || purpose == wire.Identify || purpose == wire.Enrol):
		return errors.New("an impostor is another person who claims an identity: wants by, and verify, update or delete")
	case p.Kind != Impostor && p.By != 0:
		return fmt.Errorf("by is of impostors, not of kind %s", p.Kind)
	case p.Kind == WrongHand && purpose != wire.Enrol:
		return errors.New("a wrong hand is one that an enrolment did not ask for")
	case p.Kind == Stranger && purpose == wire.Enrol:
		return errors.New("a stranger is never enrolled")
	}
	if _, err := p.species(); err != nil {
		return err
	}
	_, err := p.flaw()
	return err
}

// species is that of an attack.
func (p *Presentation) species() (s attack.Species, err error) {
	if p.Kind == Attacking {
		return attack.Find(p.Species)
	}
	if p.Species != "" {
		return s, fmt.Errorf("species is of attacks, not of kind %s", p.Kind)
	}
	return s, nil
}

// FirstHand is the hand that is presented first.
func (p *Presentation) FirstHand() wire.Hand {
	switch p.Hand {
	case wire.Left.String():
		return wire.Left
	case wire.Right.String():
		return wire.Right
	}
	return wire.Left + wire.Hand(rand.New(rand.NewPCG(p.Seed, uint64(p.ID))).IntN(2))
}

func (p *Presentation) flaw() (*palm.Flaw, error) {
	if p.Flaw == "" {
		return nil, nil
	}
	if p.Kind != Poor {
		return nil, fmt.Errorf("flaw is of poor presentations, not of kind %s", p.Kind)
	}
	for _, f := range palm.Flaws() {
		if f.String() == p.Flaw {
			return &f, nil
		}
	}
	return nil, fmt.Errorf("unknown flaw %.32q, known are %v", p.Flaw, palm.Flaws())
}

// ParseScript reads one presentation a line, strictly.
func ParseScript(r io.Reader) ([]Presentation, error) {
	var list []Presentation
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	for n := 1; lines.Scan(); n++ {
		p, err := parseLine(lines.Bytes())
		if err == nil && len(list) > 0 && p.ID <= list[len(list)-1].ID {
			err = fmt.Errorf("id %d after %d", p.ID, list[len(list)-1].ID)
		}
		if err == nil && len(list) == maxPresent {
			err = fmt.Errorf("more than %d presentations", maxPresent)
		}
		if err != nil {
			return nil, fmt.Errorf("sim: script line %d: %w", n, err)
		}
		list = append(list, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("sim: script line %d: %w", len(list)+1, err)
	}
	if len(list) == 0 {
		return nil, errors.New("sim: script has no presentation")
	}
	return list, nil
}

func parseLine(line []byte) (p Presentation, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, err
	}
	if _, err := d.Token(); err != io.EOF {
		return p, errors.New("bytes after the value")
	}
	return p, p.Check()
}

// WriteScript is the inverse of ParseScript.
func WriteScript(w io.Writer, list []Presentation) error {
	e := json.NewEncoder(w)
	for i := range list {
		if err := list[i].Check(); err != nil {
			return fmt.Errorf("sim: write script: presentation %d: %w", list[i].ID, err)
		}
		if err := e.Encode(&list[i]); err != nil {
			return fmt.Errorf("sim: write script: %w", err)
		}
	}
	return nil
}
