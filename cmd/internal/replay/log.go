package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"volar/firmware"
	"volar/wire"
)

// log turns what the firmware tells into the steps of waves.
type log struct {
	mu    sync.Mutex
	waves []Wave
	steps []Step
	cues  []string

	looks int
	times map[string][]time.Duration
	mark  time.Duration // processor's time at the last thing told
	told  func(Wave)    // may be nil
}

func newLog(told func(Wave)) *log {
	return &log{times: map[string][]time.Duration{}, mark: clock(), told: told}
}

// step is the newest one of a stage and a burst, made where there is none.
func (l *log) step(stage string, burst int) *Step {
	for i := range slices.Backward(l.steps) {
		if s := &l.steps[i]; s.Stage == stage && s.Burst == burst {
			return s
		}
	}
	l.steps = append(l.steps, Step{Stage: stage, Burst: burst, Values: map[string]Number{}})
	return &l.steps[len(l.steps)-1]
}

// finding keeps the numbers of a stage. Of guiding the last look counts, which
// the burst follows.
func (l *log) finding(f firmware.Finding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	burst := f.Burst
	if f.Stage == firmware.StageGuide {
		burst++
		l.looks++
	}
	s := l.step(f.Stage, burst)
	clear(s.Values)
	var failed []string
	for _, v := range f.Values {
		switch {
		case !v.Ran:
			failed = append(failed, v.Name+"?")
			continue
		case !v.Pass:
			failed = append(failed, v.Name)
		}
		if !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
			s.Values[v.Name] = rounded(v.Value)
		}
	}
	if s.Is = "pass"; failed != nil {
		s.Is = "fail: " + strings.Join(failed, ", ")
	}
	if s.Stage == StageVision {
		s.Is = "found"
	}
	if s.Stage == StageGuide {
		s.Values["looks"] = Number(l.looks)
	}
}

// stages whose steps the firmware's own names fit.
var stages = map[string]bool{
	firmware.StageGuide: true, firmware.StageCapture: true, firmware.StageVision: true, firmware.StageQuality: true,
	firmware.StageLiveness: true, firmware.StageSeal: true,
}

// trace keeps what the device does. burst counts those that the wave has taken.
func (l *log) trace(t firmware.Trace) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch t.Kind {
	case firmware.KindCue:
		l.cues = append(l.cues, t.Shows)
	case firmware.KindFault:
		l.steps = append(l.steps, Step{Stage: StageFault, Is: t.Error})
	case firmware.KindRetry:
		stage := t.Stage
		if stage == firmware.StageLink {
			stage = StageVault
		}
		if s := l.step(stage, t.Bursts); len(t.Why) > 0 {
			s.Is = "again: " + strings.Join(t.Why, ", ")
		} else {
			s.Is = "again"
		}
	case firmware.KindState:
		l.lap("")
	case firmware.KindStage:
		l.stage(t)
	}
}

func (l *log) stage(t firmware.Trace) {
	l.lap(t.Stage)
	if !stages[t.Stage] {
		return
	}
	burst := l.bursts()
	switch t.Stage {
	case firmware.StageGuide, firmware.StageCapture:
		burst++
	}
	s := l.step(t.Stage, burst)
	switch t.Stage {
	case firmware.StageGuide:
		s.Is, l.looks = "steady", 0
		s.Values["ms"] = rounded(t.Took.Seconds() * 1e3)
	case firmware.StageCapture:
		s.Is = "taken"
		s.Values["ms"] = rounded(t.Took.Seconds() * 1e3)
	}
}

// bursts counts those that the wave has taken so far.
func (l *log) bursts() (n int) {
	for _, s := range l.steps {
		if s.Stage == StageCapture {
			n++
		}
	}
	return n
}

// lap takes the real time since the last one: what a stage computed, since
// neither cameras nor people take real time here.
func (l *log) lap(stage string) {
	now := clock()
	if stage != "" && stage != firmware.StageAnswer {
		l.times[stage] = append(l.times[stage], now-l.mark)
	}
	l.mark = now
}

// challenged notes a nonce.
func (l *log) challenged(recorded bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.step(StageChallenge, l.bursts()+1)
	if s.Is = "drawn"; recorded {
		s.Is = "as recorded"
	}
}

// sealed notes what is sent to the vault.
func (l *log) sealed(m *wire.Sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.step(StageSeal, l.bursts())
	s.Is = m.Hand.String()
	s.Values["distance"], s.Values["tilt"] = Number(m.Distance)/10, Number(m.Tilt)/10
	s.Values["quality"] = Number(m.Quality)
	sum := sha256.New()
	for _, v := range m.Views {
		mean, spread := moments(v.Pix)
		s.Values[v.Band.String()+" mean"], s.Values[v.Band.String()+" spread"] = mean, spread
		sum.Write(v.Pix)
		sum.Write(v.Mask)
	}
	s.Digest = hex.EncodeToString(sum.Sum(nil)[:8])
}

// moments are mean and standard deviation of a crop, in steps of 255.
func moments(pix []byte) (mean, spread Number) {
	var sum, squares float64
	for _, p := range pix {
		sum += float64(p)
		squares += float64(p) * float64(p)
	}
	n := float64(max(len(pix), 1))
	m := sum / n
	return rounded(m), rounded(math.Sqrt(max(squares/n-m*m, 0)))
}

// answered notes what the vault said.
func (l *log) answered(a wire.Answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.step(StageVault, l.bursts())
	switch {
	case err != nil:
		s.Is = err.Error()
	case a.Status == wire.More:
		s.Is = "more: " + a.Hand.String()
	default:
		s.Is = a.Status.String()
	}
}

// decided notes how the wave ended. What the device tells after that belongs
// to the next wave but for the face, which shows the answer a little later.
func (l *log) decided(d firmware.Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.step(StageDecision, 0)
	s.Is = string(d.Outcome)
	s.Values["bursts"] = Number(d.Bursts)
	s.Values["ms"] = rounded(d.Took.Seconds() * 1e3)
}

// end closes a wave.
func (l *log) end(w *Wave) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.cues) > 0 {
		l.step(StageFace, 0).Is = strings.Join(l.cues, ", ")
	}
	if w.Verdict != "" {
		l.step(StageTruth, 0).Is = strings.TrimSuffix(string(w.Verdict)+": "+w.Why, ": ")
	}
	w.Steps = l.steps
	l.steps, l.cues, l.looks = nil, nil, 0
	l.waves = append(l.waves, *w)
	if l.told != nil {
		l.told(*w)
	}
}
