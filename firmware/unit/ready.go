package unit

import (
	"encoding/json"
	"time"
)

// Pulse follows the lines that a device program prints, and knows for how long
// it has been ready for a hand. The zero Pulse is that of one that has not
// said anything yet.
type Pulse struct {
	since time.Time // zero: it is not ready
}

// maxLine bounds a line that is looked at, in bytes; longer ones are none of
// those that matter here.
const maxLine = 4 << 10

// Line takes one line of JSON, as palmd prints them: "ready" once all parts of
// the board are open, then what the firmware does. A line of anything else
// changes nothing.
func (p *Pulse) Line(line []byte, now time.Time) {
	var said struct{ Kind, To string }
	if len(line) > maxLine || json.Unmarshal(line, &said) != nil {
		return
	}
	switch {
	case said.Kind != "state" && said.Kind != "ready":
	case said.To == "down" || said.To == "off" || said.To == "blank":
		p.since = time.Time{}
	case p.since.IsZero():
		p.since = now
	}
}

// End is told when the program has ended.
func (p *Pulse) End() { p.since = time.Time{} }

// Ready is how long the program has been ready without a pause; 0 where it is
// not.
func (p *Pulse) Ready(now time.Time) time.Duration {
	if p.since.IsZero() {
		return 0
	}
	return max(now.Sub(p.since), 1)
}
