package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"volar/firmware"
	"volar/sim"
)

// Soak is people coming for hours while processes are killed and started
// again, and what host, vault and device take of the machine meanwhile.
type Soak struct {
	Presentations int      `json:"presentations"`
	Rejected      int      `json:"rejected"` // of people who are enrolled: no fault, unless there are many
	Wrong         int      `json:"wrong"`
	Whys          []string `json:"whys,omitempty"` // of the wrong ones
	Restarts      int      `json:"restarts"`
	Rounds        int      `json:"rounds"`
	Trends        []Trend  `json:"trends"`
	Left          []string `json:"left,omitempty"`
}

// Trend is how one measure went over a soak: a line fitted to all rounds but
// the first fifth, in which caches fill.
type Trend struct {
	Name    string  `json:"name"`
	Median  float64 `json:"median"`
	PerHour float64 `json:"per_hour"`
	Grown   float64 `json:"grown"`   // over the fitted time, by the line
	Allowed float64 `json:"allowed"` // of that
}

// Flat tells whether the measure does not grow.
func (t Trend) Flat() bool { return t.Grown <= t.Allowed }

// fewestRounds is how many a line needs.
const fewestRounds = 8

// RunSoak soaks for a time. each is told of every round.
func RunSoak(ctx context.Context, bin string, seed uint64, lasts time.Duration, each func(round int, left time.Duration)) (*Soak, error) {
	p := &processes{bin: bin, seed: seed, rng: rand.New(rand.NewPCG(seed, 78)), seen: map[int]string{}}
	s := &Soak{}
	err := p.up(ctx)
	if err == nil {
		err = s.rounds(ctx, p, lasts, each)
	}
	s.Left = p.down(&err)
	if err == nil && s.Rounds < fewestRounds {
		err = fmt.Errorf("drill: %d rounds in %v, a line needs %d: soak longer", s.Rounds, lasts, fewestRounds)
	}
	return s, err
}

func (s *Soak) rounds(ctx context.Context, p *processes, lasts time.Duration, each func(int, time.Duration)) error {
	began := time.Now()
	var at []float64 // hours
	measures := map[string][]float64{}
	for time.Since(began) < lasts && ctx.Err() == nil {
		if err := s.round(ctx, p); err != nil {
			return err
		}
		at = append(at, time.Since(began).Hours())
		for name, v := range p.measure() {
			measures[name] = append(measures[name], v)
		}
		s.Rounds++
		each(s.Rounds, lasts-time.Since(began))
	}
	for _, name := range slices.Sorted(maps.Keys(measures)) {
		if len(measures[name]) == len(at) {
			s.Trends = append(s.Trends, trend(name, at, measures[name]))
		}
	}
	return ctx.Err()
}

// round lets some people come, and kills a process in every other one.
func (s *Soak) round(ctx context.Context, p *processes) error {
	n := s.Presentations
	script := []sim.Presentation{
		{ID: n + 1, Purpose: "identify", Person: 1, Kind: sim.Genuine},
		{ID: n + 2, Purpose: "identify", Person: 1, Kind: sim.Stranger},
		{ID: n + 3, Purpose: "verify", Person: 1, Kind: sim.Genuine},
	}
	if s.Rounds%4 == 3 { // a person comes and goes
		script = append(script,
			sim.Presentation{ID: n + 4, Purpose: "enrol", Person: 2, Kind: sim.Genuine},
			sim.Presentation{ID: n + 5, Purpose: "delete", Person: 2, Kind: sim.Genuine})
	}
	if s.Rounds%2 == 1 {
		var err error
		if s.Rounds%6 == 1 {
			err = killHost(ctx, p)
		} else {
			err = p.killOne(ctx)
		}
		if err != nil {
			return err
		}
		s.Restarts++
	}
	_, err := p.play(ctx, script, p.people, func(firmware.Trace) {}, func(r sim.Result) {
		s.Presentations++
		switch {
		case r.Verdict == sim.Wrong && r.Kind == sim.Genuine && r.Outcome == sim.Refused && r.Purpose != "enrol":
			s.Rejected++
		case r.Verdict == sim.Wrong:
			s.Wrong++
			s.Whys = append(s.Whys, fmt.Sprintf("round %d: %s %s: %s", s.Rounds+1, r.Purpose, r.Kind, r.Why))
		}
	})
	return err
}

// measure is what everything takes at the end of a round.
func (p *processes) measure() map[string]float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	all := map[string]float64{
		"device goroutines": float64(runtime.NumGoroutine()), "device heap kB": float64(m.HeapAlloc / 1024),
		"device files": float64(count("/proc/self/fd")), "processes": float64(len(p.running(""))),
	}
	for _, program := range []string{"palmhost", "palmlaunch", "palmvault", "swtpm"} {
		for _, pid := range p.running(program) {
			all[program+" files"] += float64(count(fmt.Sprintf("/proc/%d/fd", pid)))
			all[program+" memory kB"] += float64(resident(pid))
		}
	}
	files := 0
	_ = filepath.WalkDir(p.dir, func(_ string, d os.DirEntry, err error) error { // one that has just gone counts for none
		if err == nil && !d.IsDir() {
			files++
		}
		return nil
	})
	all["files in the folder"] = float64(files)
	return all
}

func count(dir string) int {
	list, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	return len(list)
}

// resident is a process's memory in kB.
func resident(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}

// slack is what may come and go without growing, by the ending of a measure's name.
var slack = map[string]float64{"kB": 4096, "files": 3, "goroutines": 3, "processes": 1, "folder": 3}

// trend fits a line by the median of all slopes between two rounds (Theil,
// 1950; Sen, 1968), which a process that starts anew does not bend.
func trend(name string, at, v []float64) Trend {
	at, v = at[len(at)/5:], v[len(v)/5:]
	var slopes []float64
	for i := range at {
		for j := range i {
			if d := at[i] - at[j]; d > 0 {
				slopes = append(slopes, (v[i]-v[j])/d)
			}
		}
	}
	t := Trend{Name: name, Median: median(v), PerHour: median(slopes)}
	t.Grown = t.PerHour * (at[len(at)-1] - at[0])
	last := name[strings.LastIndexByte(name, ' ')+1:]
	t.Allowed = math.Max(slack[last], 0.05*t.Median)
	return t
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// up starts host and vault and enrols person 1.
func (p *processes) up(ctx context.Context) (err error) {
	if p.dir, err = os.MkdirTemp("", "palmsim-faults-"); err != nil {
		return err
	}
	if p.log, err = os.Create(filepath.Join(p.dir, "processes.log")); err != nil {
		return err
	}
	if p.door, err = newRelay(); err != nil {
		return err
	}
	if err := p.start(ctx); err != nil {
		return err
	}
	p.people, err = first(p.seed, func(script []sim.Presentation) (sim.Ledger, error) {
		return p.play(ctx, script, nil, func(firmware.Trace) {}, func(sim.Result) {})
	})
	return err
}

// first enrols person 1, who comes again where that fails, as people do.
func first(seed uint64, play func([]sim.Presentation) (sim.Ledger, error)) (sim.Ledger, error) {
	for i := range uint64(3) {
		people, err := play([]sim.Presentation{{ID: 1, Purpose: "enrol", Person: 1, Kind: sim.Genuine, Seed: seed + i}})
		if err != nil || len(people) == 1 {
			return people, err
		}
	}
	return nil, errors.New("drill: nobody could be enrolled before the faults")
}

// down ends everything, and tells what is left of it.
func (p *processes) down(err *error) (left []string) {
	if p.stack != nil {
		*err = errors.Join(*err, p.stack.Close())
		left = p.leftovers()
	}
	if p.door != nil {
		p.door.close()
	}
	if p.log != nil {
		p.log.Close()
	}
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
	return left
}
