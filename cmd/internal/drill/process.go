package drill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"volar/cmd/internal/replay"
	"volar/cmd/internal/stack"
	"volar/cmd/internal/till"
	"volar/firmware"
	"volar/sim"
)

// processFaults strike real processes. Whoever supervises palmhost is this
// program; palmhost supervises the launcher and the vault.
var processFaults = []Fault{
	{Name: "kill-host", Family: Process, About: "palmhost is killed with -9 and started again", during: duringCapture, process: killHost},
	{Name: "kill-launcher", Family: Process, About: "palmlaunch is killed with -9", during: duringCapture, process: killing("palmlaunch")},
	{Name: "kill-vault", Family: Process, About: "palmvault is killed with -9", during: duringCapture, process: killing("palmvault")},
	{Name: "kill-tpm", Family: Process, About: "the TPM is killed with -9, and palmhost is started again 3 s later", during: duringCapture, process: killTPM},
	{Name: "freeze-host", Family: Process, About: "palmhost stands still for 7 s", during: duringWait, process: freezing("palmhost")},
	{Name: "freeze-vault", Family: Process, About: "palmvault stands still for 7 s", during: duringWait, process: freezing("palmvault")},
	{Name: "kill-device", Family: Process, About: "palmd is killed with -9 in the middle of a wave and started again", process: killDevice},
	{Name: "kill-random", Family: Process, About: "one process after another is killed with -9 at random moments, four times", during: duringGuide, process: killRandom},
}

// processes are a running host and vault, and who is enrolled.
type processes struct {
	bin, dir string
	seed     uint64
	stack    *stack.Stack
	door     *relay
	people   sim.Ledger
	rng      *rand.Rand
	log      *os.File
	saw      []string       // of a drill that brings its own device: what its face showed
	served   time.Duration  // and how long after it was started again
	seen     map[int]string // every process of it so far, and when it began
}

// Processes does drills of processes, one after another on one host, and tells
// of each.
func Processes(ctx context.Context, bin string, seed uint64, list []Fault, tell func(Outcome)) (err error) {
	p := &processes{bin: bin, seed: seed, rng: rand.New(rand.NewPCG(seed, 77)), seen: map[int]string{}}
	err = p.up(ctx)
	var last *Outcome
	for i := range list {
		if err != nil || ctx.Err() != nil {
			break
		}
		if last != nil {
			tell(*last)
		}
		o := p.drill(ctx, list[i])
		last = &o
	}
	left := p.down(&err)
	if last != nil { // what is left of all of them shows in the end alone
		last.Left = append(last.Left, left...)
		tell(*last)
	}
	return err
}

// start starts host and vault, again on the store that is there.
func (p *processes) start(ctx context.Context) error {
	s, err := stack.Start(ctx, stack.Options{Bin: p.bin, Dir: p.dir, Log: p.log})
	if err != nil {
		return err
	}
	p.stack = s
	p.door.to.Store(s.Address)
	return nil
}

// drill does one drill.
func (p *processes) drill(ctx context.Context, f Fault) Outcome {
	out := f.outcome()
	before, goroutines := len(p.running("")), runtime.NumGoroutine()
	if f.during == "" { // it brings its own device
		out.Struck = true
		if err := f.process(ctx, p); err != nil {
			out.Error = err.Error()
		}
		out.Served, out.Saw = p.served, p.saw
	} else {
		p.strike(ctx, f, &out)
	}
	for range 100 { // processes that end take a moment
		if len(p.running("")) <= before && runtime.NumGoroutine() <= goroutines {
			return out
		}
		time.Sleep(100 * time.Millisecond)
	}
	if n := len(p.running("")); n > before {
		out.Left = append(out.Left, fmt.Sprintf("%d processes, %d before", n, before))
	}
	if n := runtime.NumGoroutine(); n > goroutines+2 {
		out.Left = append(out.Left, fmt.Sprintf("%d goroutines, %d before", n, goroutines))
	}
	return out
}

// drillLimit is how long a drill may take, in real time.
const drillLimit = 3 * time.Minute

// strike lets people come to a device in this program while processes fail.
func (p *processes) strike(ctx context.Context, f Fault, out *Outcome) {
	ctx, cancel := context.WithTimeout(ctx, drillLimit)
	defer cancel()
	var script []sim.Presentation
	for i := range 4 {
		script = append(script, sim.Presentation{ID: 100 + i, Purpose: "identify", Person: 1, Kind: sim.Genuine, Seed: p.seed})
	}
	var struckBy sync.WaitGroup
	var failed error
	f.lasts = time.Hour // it heals itself
	f.strike = func(*bench) func() {
		struckBy.Go(func() { failed = f.process(ctx, p) })
		return func() {}
	}
	w := &watcher{fault: f, out: out}
	var verdicts []sim.Verdict
	_, err := p.play(ctx, script, p.people, w.see, func(r sim.Result) {
		verdicts = append(verdicts, r.Verdict)
		w.done(r)
	})
	if w.timer != nil {
		w.timer.Stop()
	}
	struckBy.Wait()
	if err = errors.Join(err, failed); err != nil {
		out.Error = err.Error()
	}
	if slices.Contains(verdicts, sim.Wrong) {
		out.Lost = append(out.Lost, "a decision was wrong")
	}
	if n := len(verdicts); n == 0 || verdicts[n-1] != sim.Right {
		out.Lost = append(out.Lost, "the last person was not recognised")
	}
}

// play lets people come to a device in this program.
func (p *processes) play(ctx context.Context, script []sim.Presentation, people sim.Ledger, see func(firmware.Trace), done func(sim.Result)) (sim.Ledger, error) {
	board, rig, err := replay.Shrunk(2)
	if err != nil {
		return nil, err
	}
	stage, err := sim.NewStage(board, rig, p.seed)
	if err != nil {
		return nil, err
	}
	b, err := sim.New(sim.Options{Board: board, Empty: stage.Empty(), Speed: math.Inf(1)})
	if err != nil {
		return nil, err
	}
	dev := b.Device()
	unit, err := p.stack.Unit("drill", dev.Identity.Public())
	if err != nil {
		return nil, err
	}
	unit.Host = p.door.address()
	dial, err := unit.Dialer(dev.Identity, dev.Store, nil)
	if err != nil {
		return nil, err
	}
	director := sim.Direct(b, stage, script, people)
	director.Done = done
	err = till.Run(ctx, dev, director, firmware.Config{
		Trace: see, ShowFor: time.Millisecond,
		Dial: func(ctx context.Context) (firmware.Vault, error) { return dial(ctx) },
	})
	known := sim.Ledger{}
	for _, s := range script {
		if id, ok := director.Enrolled(s.Person); ok {
			known[s.Person] = id
		}
	}
	return known, err
}

// running are the processes of this drill whose program has a name; "" is any.
// Those are they that name its folder, what they have started, and what was one
// of them before: a process whose parent has ended keeps nothing else that
// tells.
func (p *processes) running(program string) (pids []int) {
	all := everyProcess()
	for pid, q := range all {
		for at, up := q, 0; up < 8; up++ {
			if strings.Contains(at.line, p.dir) || p.seen[pid] == q.began {
				p.seen[pid] = q.began
				if first, _, _ := strings.Cut(q.line, "\x00"); program == "" || filepath.Base(first) == program {
					pids = append(pids, pid)
				}
				break
			}
			next, ok := all[at.parent]
			if !ok || at.parent == os.Getpid() {
				break
			}
			at = next
		}
	}
	return pids
}

// process is what /proc says of one.
type process struct {
	parent int
	began  string // when, which tells it from one that got its number later
	line   string
}

func everyProcess() map[int]process {
	all := map[int]process{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		// What follows the program's name, which may hold anything but ends at
		// the last bracket: state, parent, …, the start as field 20 (proc(5)).
		_, rest, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
		fields := strings.Fields(rest)
		if err != nil || !ok || len(fields) < 20 || fields[0] == "Z" {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		all[pid] = process{parent, fields[19], string(line)}
	}
	return all
}

func killHost(ctx context.Context, p *processes) error {
	if err := p.stack.Kill(); err != nil {
		return err
	}
	var err error
	for range 20 { // as whoever supervises it does
		if err = p.start(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	return err
}

// killTPM leaves the vault without its chip until somebody starts the machine
// again: it can prove itself to nobody.
func killTPM(ctx context.Context, p *processes) error {
	if err := killing("swtpm")(ctx, p); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	return killHost(ctx, p)
}

func killing(program string) func(context.Context, *processes) error {
	return func(_ context.Context, p *processes) error {
		pids := p.running(program)
		if len(pids) == 0 {
			return fmt.Errorf("drill: no process %s runs", program)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return fmt.Errorf("drill: kill %s: %w", program, err)
			}
		}
		return nil
	}
}

func freezing(program string) func(context.Context, *processes) error {
	return func(_ context.Context, p *processes) error {
		pids := p.running(program)
		if len(pids) == 0 {
			return fmt.Errorf("drill: no process %s runs", program)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				return fmt.Errorf("drill: freeze %s: %w", program, err)
			}
			defer syscall.Kill(pid, syscall.SIGCONT)
		}
		time.Sleep(7 * time.Second)
		return nil
	}
}

func killRandom(ctx context.Context, p *processes) error {
	for range 4 {
		time.Sleep(time.Duration(p.rng.Int64N(int64(1500 * time.Millisecond))))
		if err := p.killOne(ctx); err != nil {
			return err
		}
	}
	return nil
}

// killOne kills a process that is drawn; one that is just being started again
// is left alone.
func (p *processes) killOne(ctx context.Context) error {
	switch p.rng.IntN(3) {
	case 0:
		return killHost(ctx, p)
	case 1:
		_ = killing("palmlaunch")(ctx, p)
	default:
		_ = killing("palmvault")(ctx, p)
	}
	return nil
}

// leftovers are what runs, or lies in the folder, after everything has ended.
func (p *processes) leftovers() (left []string) {
	for range 100 {
		if len(p.running("")) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, pid := range p.running("") {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		left = append(left, fmt.Sprintf("process %d: %s", pid, strings.ReplaceAll(string(line), "\x00", " ")))
	}
	err := filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && name == "tpm": // the emulated chip's own
			return filepath.SkipDir
		case d.Type()&os.ModeSocket != 0:
			left = append(left, "socket "+name)
		case strings.HasSuffix(name, ".tmp"), strings.HasSuffix(name, ".new"), strings.HasPrefix(name, ".fresh"), strings.HasSuffix(name, "-journal"):
			left = append(left, "file "+name)
		}
		return nil
	})
	if err != nil {
		left = append(left, err.Error())
	}
	return left
}
