package update

import (
	"fmt"
	"time"
)

// Status is where the unit is in an update, for people and machines.
type Status struct {
	Running string `json:"running"` // slot
	Version string `json:"version"` // that runs
	Serial  uint64 `json:"serial"`
	State   string `json:"state"`
	Slot    string `json:"slot,omitempty"`   // that the update is for
	Update  string `json:"update,omitempty"` // version of the update
	Have    int64  `json:"have,omitempty"`   // bytes that were fetched
	Size    int64  `json:"size,omitempty"`   // of all
	Last    *Last  `json:"last,omitempty"`
}

// Last is how the last update ended.
type Last struct {
	Version string    `json:"version"`
	Done    bool      `json:"done"`
	Why     string    `json:"why,omitempty"` // it was not done
	At      time.Time `json:"at"`            // by the unit's clock
}

// Status tells where the unit is in an update.
func (u *Updater) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := Status{Running: u.cfg.Slots.Running(), Version: u.cfg.Release.Name, Serial: u.cfg.Release.Serial, State: u.rec.State.String(), Slot: u.rec.Target}
	if u.manifest != nil {
		s.Update, s.Have, s.Size = u.manifest.Name, u.have, u.manifest.Payload()
	}
	if l := u.rec.Last; l.At != 0 {
		s.Last = &Last{l.Name, l.Done, l.Why, time.Unix(l.At, 0).UTC()}
	}
	return s
}

// Says is the status in one line for people.
func (s Status) Says() string {
	switch {
	case s.State == Fetch.String():
		return fmt.Sprintf("%s: %d %% fetched", s.Update, 100*s.Have/max(s.Size, 1))
	case s.State == Trial.String():
		return fmt.Sprintf("%s is on trial in slot %s", s.Version, s.Slot)
	case s.State != Idle.String():
		return fmt.Sprintf("%s: %s", s.Update, s.State)
	case s.Last == nil:
		return "none"
	case s.Last.Done:
		return fmt.Sprintf("%s is installed", s.Last.Version)
	}
	return fmt.Sprintf("%s was not kept: %s", s.Last.Version, s.Last.Why)
}

// Says is Status().Says().
func (u *Updater) Says() string { return u.Status().Says() }
