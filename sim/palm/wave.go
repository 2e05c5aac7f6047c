package palm

import (
	"time"
)

// Condition is what a hand is like today.
type Condition struct {
	Cold    float64 // 0 warm to 1 cold: the veins fade and the skin pales
	Oil     float64 // 0 dry to 1 moist: gloss
	Ring    bool    // on the ring finger
	Plaster bool    // somewhere on the palm
	Dirt    float64 // 0 clean to 1 smeared
	Sleeve  bool    // cloth down to the wrist
}

// Wave is one presentation: what is held over the device, how, and when.
type Wave struct {
	Anatomy   *Anatomy
	Material  Material // the zero Material is the living hand
	Thing     *Thing   // where set, held in place of the Material; one that is on no sheet lies on the hand
	Pose      Pose     // at Start + Arrive, when the hand has come to rest
	Condition Condition
	Seed      uint64        // of the trembling, the noise, and where dirt lies
	Start     time.Duration // since boot; before it nothing is there
	Arrive    time.Duration // how long the hand takes to come in
	Leave     time.Duration // since boot, when the hand is gone; 0 is never
}

// Present tells whether anything is held over the device.
func (w *Wave) Present(at time.Duration) bool {
	return w != nil && w.Anatomy != nil && at >= w.Start && (w.Leave == 0 || at < w.Leave)
}

// cast is the wave without its place and its movement: waves of one cast
// share body and shape.
func (w *Wave) cast() Wave {
	c := *w
	c.Start, c.Arrive, c.Leave = 0, 0, 0
	p := &c.Pose
	p.Distance, p.X, p.Y, p.TiltX, p.TiltY, p.Rotation = 0, 0, 0, 0, 0, 0
	p.Velocity, p.Spin, p.Tremor = [3]float64{}, 0, 0
	return c
}

// pose is the pose at a time. A hand comes in from above and from the wrist's
// side, slowing down.
func (w *Wave) pose(at time.Duration) Pose {
	rest := w.Start + w.Arrive
	p := w.Pose.at(at-rest, w.Seed)
	if at >= rest {
		return p
	}
	p = w.Pose.at(0, w.Seed)
	left := 1 - float64(at-w.Start)/max(float64(w.Arrive), 1)
	far := left * left
	p.Distance += 130 * far
	p.Y += 45 * far
	return p
}
