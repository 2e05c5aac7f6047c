package benchui

import (
	"strings"
	"sync"
	"time"

	"volar/firmware"
	"volar/hal"
)

// View is all that the page shows of the device, at one moment.
type View struct {
	State    string     `json:"state"`
	Cue      cueView    `json:"cue"`
	Held     Held       `json:"held"`
	Purpose  string     `json:"purpose"`
	Order    string     `json:"order"` // whom a verification or deletion is of
	Guide    []gauge    `json:"guide"`
	Quality  []gauge    `json:"quality"`
	Liveness []gauge    `json:"liveness"`
	Stages   []stage    `json:"stages"`  // of the wave, in order
	Retries  []string   `json:"retries"` // why each burst that was no good was none
	Waves    []waveView `json:"waves"`   // the last ones, newest first
	Fault    string     `json:"fault"`
	Burst    []string   `json:"burst"`    // the lights of the last burst's shots
	BurstID  int        `json:"burst_id"` // grows
	Frame    frameView  `json:"frame"`
	Vault    vaultView  `json:"vault"`
	People   []string   `json:"people"` // who is known to be enrolled, for orders
}

type cueView struct {
	Name  string `json:"name"`
	Ring  string `json:"ring"`
	Sound string `json:"sound"`
	Text  string `json:"text"`
}

// gauge is one measure. Limits that are not there are null.
type gauge struct {
	Name  string   `json:"name"`
	Value *float64 `json:"value"` // null where it could not be measured
	Min   *float64 `json:"min"`
	Max   *float64 `json:"max"`
	Pass  bool     `json:"pass"`
}

type stage struct {
	Name string  `json:"name"`
	MS   float64 `json:"ms"`
}

type waveView struct {
	Wave    uint64  `json:"wave"`
	Purpose string  `json:"purpose"`
	Held    string  `json:"held"`
	Outcome string  `json:"outcome"`
	Who     string  `json:"who"`
	Bursts  int     `json:"bursts"`
	MS      float64 `json:"ms"`
}

// frameView is where the palm was seen: the corners of its square, in pixels
// of each camera; empty where it was not.
type frameView struct {
	NIR [][2]float64 `json:"nir"`
	RGB [][2]float64 `json:"rgb"`
}

type vaultView struct {
	Measurement string `json:"measurement"`
	Kind        string `json:"kind"`
	Release     uint64 `json:"release"`
	Epoch       uint64 `json:"epoch"`
	Key         string `json:"key"`
	Notice      string `json:"notice"`
	Checked     string `json:"checked"` // when the evidence was last checked
	Host        string `json:"host"`
}

// maxWaves is how many waves the page remembers.
const maxWaves = 20

// board keeps the View and wakes those who wait for a newer one.
type board struct {
	mu      sync.Mutex
	view    View
	version int
	changed chan struct{}
}

func newBoard() *board { return &board{changed: make(chan struct{})} }

// change changes the view.
func (b *board) change(f func(*View)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.view)
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
}

// look is the view, its version, and what closes when there is a newer one.
// Lists in a View are never written to after they were set.
func (b *board) look() (View, int, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view, b.version, b.changed
}

// trace takes in what the firmware tells.
func (b *board) trace(t firmware.Trace) {
	b.change(func(v *View) {
		switch t.Kind {
		case firmware.KindState:
			v.State = t.To
			if t.Event == firmware.HandNear.String() {
				v.Guide, v.Quality, v.Liveness, v.Stages, v.Retries, v.Fault = nil, nil, nil, nil, nil, ""
			}
			if t.To == firmware.Idle.String() || t.To == firmware.Approach.String() {
				v.Frame = frameView{}
			}
		case firmware.KindCue:
			look, _ := t.Cue.Look() // the firmware shows only cues that there are
			v.Cue = cueView{t.Shows, look.Ring, look.Sound, look.Text}
		case firmware.KindStage:
			v.Stages = append(v.Stages[:len(v.Stages):len(v.Stages)], stage{t.Stage, milliseconds(t.Took)})
		case firmware.KindRetry:
			if len(t.Why) > 0 {
				v.Retries = append(v.Retries[:len(v.Retries):len(v.Retries)], t.Stage+": "+strings.Join(t.Why, ", "))
			}
		case firmware.KindFault:
			v.Fault = t.Error
			if t.Says != "" {
				v.Fault = t.Says + " " + t.Hint
			}
		}
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// found takes in what the stages measured.
func (b *board) found(f firmware.Finding, cal *hal.Calibration) {
	list := make([]gauge, 0, len(f.Values))
	for _, v := range f.Values {
		list = append(list, gauge{v.Name, number(v.Value, v.Ran), number(v.Min, true), number(v.Max, true), v.Pass && v.Ran})
	}
	b.change(func(v *View) {
		switch f.Stage {
		case firmware.StageGuide:
			v.Guide = list
		case firmware.StageQuality:
			v.Quality = list
		case firmware.StageLiveness:
			v.Liveness = list
		}
		if f.Palm != nil {
			v.Frame = framesOf(f.Palm, distanceOf(f.Values), cal)
		}
	})
}

func number(v float64, is bool) *float64 {
	if !is || v != v {
		return nil
	}
	return &v
}

func distanceOf(values []firmware.FindingValue) float64 {
	for _, v := range values {
		if v.Name == "distance" && v.Ran {
			return v.Value
		}
	}
	return 0
}
