// Package drill lets faults befall a palm device while people use it, and
// tells what they saw, how long it took until they were served again, and
// whether anything was lost or left behind.
//
// Faults of cameras, parts, network and vault strike in one process under a
// virtual clock (package replay). Those of processes strike real ones.
package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Families of faults.
const (
	Camera  = "camera"
	Device  = "device"
	Network = "network"
	Store   = "vault"
	Process = "process"
)

// Fault is a drill. The zero Fault does not exist.
type Fault struct {
	Name   string
	Family string // one of the constants above
	About  string // what happens

	during  string        // the state of the device in which it strikes
	lasts   time.Duration // until it is over
	purpose string        // of the presentation that it strikes; "" is identify
	strike  func(*bench) (heal func())
	process func(context.Context, *processes) error // of the family Process
}

// Order is a drill to be done.
type Order struct {
	Fault string
	Seed  uint64
	Tape  string // "" is a synthetic person
}

// Outcome is what came of a drill.
type Outcome struct {
	Fault     string        `json:"fault"`
	Family    string        `json:"family"`
	About     string        `json:"happened"`
	Struck    bool          `json:"struck"` // it did happen
	Saw       []string      `json:"user_saw"`
	Said      []string      `json:"device_said,omitempty"` // faults that it told of
	Decisions []string      `json:"decisions"`             // of the presentations, from the one before the fault on
	Served    time.Duration `json:"served_after_ns"`       // from the fault to the next right answer
	Lost      []string      `json:"lost,omitempty"`        // records or people
	Left      []string      `json:"left,omitempty"`        // files, processes, sockets
	Error     string        `json:"error,omitempty"`
}

// Survived tells whether the device served again, nothing was lost, nothing
// was left behind, and nobody was taken for somebody else.
func (o *Outcome) Survived() bool {
	return o.Error == "" && o.Struck && o.Served > 0 && len(o.Lost) == 0 && len(o.Left) == 0
}

// Faults are all drills, by family.
func Faults() []Fault {
	return slices.Concat(cameraFaults(), partFaults, networkFaults, vaultFaults, processFaults)
}

// Find finds a drill. An unknown name gets the names that are like it.
func Find(name string) (Fault, error) {
	var names []string
	for _, f := range Faults() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	if near := like(name, names); len(near) > 0 {
		return Fault{}, fmt.Errorf("unknown fault %q; did you mean %s?", name, strings.Join(near, " or "))
	}
	return Fault{}, fmt.Errorf("unknown fault %q; `palmsim faults --list` lists all %d", name, len(names))
}

// like are the names that are a few letters away, or that hold the word.
func like(name string, names []string) (near []string) {
	type scored struct {
		name string
		far  int
	}
	var list []scored
	for _, n := range names {
		far := distance(name, n)
		if len(name) > 2 && (strings.Contains(n, name) || strings.Contains(name, n)) {
			far = 1
		}
		if far <= 1+len(name)/3 {
			list = append(list, scored{n, far})
		}
	}
	slices.SortStableFunc(list, func(a, b scored) int { return a.far - b.far })
	for _, s := range list[:min(len(list), 3)] {
		near = append(near, s.name)
	}
	return near
}

// distance is Levenshtein's, on bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
