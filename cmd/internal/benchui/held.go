package benchui

import (
	"fmt"
	"math"
	"sync"
	"time"

	"volar/hal"
	"volar/sim"
	"volar/sim/attack"
	"volar/sim/palm"
	"volar/wire"
)

// Held is what the person at the page holds over the device, and how. Lengths
// are in millimetres, angles in degrees. The zero Held is nothing.
type Held struct {
	Out       bool    `json:"out"`       // something is held out at all
	Person    int     `json:"person"`    // whose palm, 0 to 9999
	Hand      string  `json:"hand"`      // "left" or "right"
	What      string  `json:"what"`      // "palm", or a species of attack
	Condition string  `json:"condition"` // a name of conditions, or "none"
	Distance  float64 `json:"distance"`  // 20 to 200, from the near-infrared camera
	X         float64 `json:"x"`         // -80 to 80, from the middle between the cameras
	Y         float64 `json:"y"`
	TiltX     float64 `json:"tilt_x"` // -45 to 45: fingers towards the device or away
	TiltY     float64 `json:"tilt_y"` // -45 to 45: thumb side towards the device or away
	Rotation  float64 `json:"rotation"`
	Speed     float64 `json:"speed"` // 0 to 300 mm/s, to and fro
}

// maxPerson is the highest number of a person at the bench.
const maxPerson = 9999

// conditions of a hand, by the names that the page has.
var conditions = map[string]palm.Condition{
	"none": {}, "cold": {Cold: 0.9}, "moist": {Oil: 1}, "ring": {Ring: true}, "plaster": {Plaster: true}, "dirty": {Dirt: 0.6}, "sleeve": {Sleeve: true},
}

// Check refuses what the page cannot have said.
func (h *Held) Check() error {
	if h.Person < 0 || h.Person > maxPerson {
		return fmt.Errorf("person %d, allowed 0 to %d", h.Person, maxPerson)
	}
	if h.Hand != wire.Left.String() && h.Hand != wire.Right.String() {
		return fmt.Errorf("hand %q, allowed left and right", h.Hand)
	}
	if _, err := attack.Find(h.What); err != nil && h.What != livingPalm {
		return fmt.Errorf("%.40q is neither a palm nor an attack", h.What)
	}
	if _, known := conditions[h.Condition]; !known {
		return fmt.Errorf("condition %q is not known", h.Condition)
	}
	for _, v := range []struct {
		name        string
		v, low, top float64
	}{
		{"distance", h.Distance, 20, 200}, {"x", h.X, -80, 80}, {"y", h.Y, -80, 80}, {"tilt_x", h.TiltX, -45, 45},
		{"tilt_y", h.TiltY, -45, 45}, {"rotation", h.Rotation, -90, 90}, {"speed", h.Speed, 0, 300},
	} {
		if !(v.v >= v.low && v.v <= v.top) {
			return fmt.Errorf("%s %g, allowed %g to %g", v.name, v.v, v.low, v.top)
		}
	}
	return nil
}

func (h *Held) hand() wire.Hand {
	if h.Hand == wire.Right.String() {
		return wire.Right
	}
	return wire.Left
}

// place is where a hand is, apart from its to and fro.
type place [6]float64 // distance, x, y, tilts, rotation

func (h *Held) place() place {
	return place{h.Distance, h.X, h.Y, h.TiltX, h.TiltY, h.Rotation}
}

// How fast an arm follows what the page asks for: mm/s and degrees/s.
var pace = place{180, 180, 180, 90, 90, 120}

// swing is how far a moving hand goes to each side, mm.
const swing = 15

// arm is the Scene of the bench: it brings what is held from where it is to
// where the page wants it, as an arm would.
type arm struct {
	middle float64 // x of the middle between the cameras, mm from the near-infrared one
	cast   func(Held) (thing, error)

	mu    sync.Mutex
	want  Held
	thing thing
	made  Held // what thing was made for
	at    place
	since time.Duration // since boot, when the hand came
	last  time.Duration // of the last shot
}

var _ sim.Scene = (*arm)(nil)

// hold takes what the page says. It tells whether something is held out now.
func (a *arm) hold(h Held) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.want = h
}

// comes begins a presentation: the hand comes in from where it was asked to be.
func (a *arm) comes(now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.since, a.last = a.want.place(), now, now
}

// Shoot shows what is held.
func (a *arm) Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot {
	a.mu.Lock()
	defer a.mu.Unlock()
	if subject(a.want) != subject(a.made) || a.thing == nil {
		made, err := a.cast(a.want)
		if err != nil {
			panic(err) // Held.Check knows every name
		}
		a.thing, a.made = made, a.want
	}
	a.follow(at)
	a.pose(at)
	return a.thing.Shoot(l, at, seq)
}

// subject is what is held, without how.
func subject(h Held) Held {
	return Held{Person: h.Person, Hand: h.Hand, What: h.What, Condition: h.Condition}
}

// follow moves the arm on to a time.
func (a *arm) follow(at time.Duration) {
	dt := min(max((at-a.last).Seconds(), 0), 0.5)
	a.last = at
	for i, want := range a.want.place() {
		most := pace[i] * dt
		a.at[i] += max(-most, min(most, want-a.at[i]))
	}
}

// pose puts the wave where the arm is. A wave moves by itself from its start
// on; what that adds by now is taken off again, so that only the blur and the
// trembling of it stay.
func (a *arm) pose(at time.Duration) {
	t := (at - a.since).Seconds()
	w := a.thing.Wave()
	p := &w.Pose
	p.Distance, p.X, p.Y, p.TiltX, p.TiltY, p.Rotation = a.at[0], a.middle+a.at[1], a.at[2], a.at[3], a.at[4], a.at[5]
	p.Velocity = [3]float64{}
	if a.want.Speed > 0 {
		phase := a.want.Speed / swing * t
		p.X += swing * math.Sin(phase)
		p.Velocity[0] = a.want.Speed * math.Cos(phase)
	}
	w.Start, w.Arrive = a.since, 0
	p.X -= p.Velocity[0] * t
}
