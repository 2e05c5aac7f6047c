package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"volar/cmd/internal/replay"
	"volar/cmd/internal/till"
	"volar/firmware"
	"volar/hal"
	"volar/sim"
)

// bench is a device, a vault and people, any part of which may fail.
type bench struct {
	camera   *sim.Spoiler
	identity *illIdentity
	presence *illPresence
	face     *illFace
	store    *illStore
	net      *lines
	shelf    *replay.Shelf

	mu      sync.Mutex
	vault   *replay.Vault
	ended   []*replay.Vault // that were restarted
	ctx     context.Context // of the vaults that follow one another
	stop    context.CancelFunc
	running sync.WaitGroup
}

// cut ends all connections.
func (b *bench) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.vault.Kill()
}

// start starts a vault on the shelf, and another one whenever it asks for
// that, as palmhost does.
func (b *bench) start(ctx context.Context) error {
	v, err := replay.StartVault(ctx, b.shelf)
	if err != nil {
		return err
	}
	v.Through = func(c net.Conn) net.Conn { return line{c, b.net} }
	b.vault = v
	b.running.Go(func() {
		select {
		case <-v.Done():
			b.again(ctx, v)
		case <-ctx.Done():
		}
	})
	return nil
}

// again replaces a vault, and tries until its store lets it.
func (b *bench) again(ctx context.Context, old *replay.Vault) {
	for ctx.Err() == nil {
		b.mu.Lock()
		if b.vault != old {
			b.mu.Unlock()
			return
		}
		old.Kill()
		err := b.start(ctx)
		if err == nil {
			b.ended = append(b.ended, old)
		}
		b.mu.Unlock()
		if err == nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// restart ends the vault and starts another one.
func (b *bench) restart() {
	b.mu.Lock()
	old := b.vault
	b.mu.Unlock()
	b.running.Go(func() { b.again(b.ctx, old) })
}

// dial opens a session with whichever vault there is.
func (b *bench) dial(ctx context.Context) (firmware.Vault, error) {
	if b.net.is() == unreachable {
		return nil, errUnreachable
	}
	b.mu.Lock()
	v := b.vault
	b.mu.Unlock()
	dial, err := v.Dialer(b.identity, b.store)
	if err != nil {
		return nil, err
	}
	return dial(ctx)
}

// play lets people come. The trace goes to see, results to done.
func (b *bench) play(ctx context.Context, seed uint64, script []sim.Presentation, people sim.Ledger, see func(firmware.Trace), done func(sim.Result)) (sim.Ledger, error) {
	ctx, b.stop = context.WithCancel(ctx)
	b.ctx = ctx
	defer b.stop()
	board, rig, err := replay.Shrunk(2)
	if err != nil {
		return nil, err
	}
	stage, err := sim.NewStage(board, rig, seed)
	if err != nil {
		return nil, err
	}
	sb, err := sim.New(sim.Options{Board: board, Empty: stage.Empty()})
	if err != nil {
		return nil, err
	}
	dev := *sb.Device()
	b.camera = &sim.Spoiler{Camera: dev.Camera}
	b.identity, b.presence = &illIdentity{Identity: dev.Identity}, &illPresence{Presence: dev.Presence}
	b.face, b.store, b.net = &illFace{Face: dev.Face}, &illStore{Store: dev.Store}, &lines{}
	dev.Camera, dev.Identity, dev.Presence, dev.Face, dev.Store = b.camera, b.identity, b.presence, b.face, b.store
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	director := sim.Direct(sb, stage, script, people)
	director.Done = done
	err = till.Run(ctx, &dev, director, firmware.Config{Dial: b.dial, Trace: see, ShowFor: 500 * time.Millisecond})
	b.stop()
	b.running.Wait()
	b.vault.Close()
	for _, v := range b.ended {
		v.Close()
	}
	known := sim.Ledger{}
	for _, p := range script {
		if id, ok := director.Enrolled(p.Person); ok {
			known[p.Person] = id
		}
	}
	return known, err
}

// enrolled is a shelf on which person 1 of a seed is enrolled. Drills of one
// process share it.
var enrolled struct {
	sync.Mutex
	seed   uint64
	shelf  *replay.Shelf
	people sim.Ledger
}

func enrol(seed uint64) (*replay.Shelf, sim.Ledger, error) {
	enrolled.Lock()
	defer enrolled.Unlock()
	if enrolled.shelf != nil && enrolled.seed == seed {
		return enrolled.shelf.Copy(), enrolled.people, nil
	}
	var b *bench
	people, err := first(seed, func(script []sim.Presentation) (people sim.Ledger, err error) {
		b = &bench{shelf: replay.NewShelf()}
		hung := replay.Virtual(func() {
			people, err = b.play(context.Background(), seed, script, nil, func(firmware.Trace) {}, func(sim.Result) {})
		})
		return people, errors.Join(hung, err)
	})
	if err != nil {
		return nil, nil, err
	}
	enrolled.seed, enrolled.shelf, enrolled.people = seed, b.shelf, people
	return b.shelf.Copy(), people, nil
}

// Virtual does a drill of any family but process, under a virtual clock.
func Virtual(ctx context.Context, o Order) Outcome {
	f, err := Find(o.Fault)
	if err != nil {
		return Outcome{Fault: o.Fault, Error: err.Error()}
	}
	if o.Tape != "" {
		return onTape(ctx, f, o)
	}
	out := f.outcome()
	shelf, people, err := enrol(o.Seed)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	err = replay.Virtual(func() { synthetic(f, o.Seed, shelf, people, &out) })
	if err != nil {
		out.Error = err.Error()
	}
	return out
}

func (f *Fault) outcome() Outcome { return Outcome{Fault: f.Name, Family: f.Family, About: f.About} }

// struck is which presentation the fault strikes, counted from 0.
const struck = 1

// script is who comes: somebody before the fault, somebody whom it strikes,
// and people after it.
func (f *Fault) script(seed uint64) []sim.Presentation {
	list := make([]sim.Presentation, 5)
	for i := range list {
		list[i] = sim.Presentation{ID: 10 + i, Purpose: "identify", Person: 1, Kind: sim.Genuine, Seed: seed}
	}
	if f.purpose == "enrol" {
		list[struck].Purpose, list[struck].Person = "enrol", 2
		list[3].Purpose, list[3].Person = "enrol", 2 // who could not enrol comes again
		list[4].Person = 2
	}
	return list
}

// synthetic lets the fault strike a synthetic person.
func synthetic(f Fault, seed uint64, shelf *replay.Shelf, people sim.Ledger, out *Outcome) {
	records := shelf.Records()
	b := &bench{shelf: shelf}
	w := &watcher{fault: f, bench: b, out: out}
	var verdicts []sim.Verdict
	known, err := b.play(context.Background(), seed, f.script(seed), people, w.see, func(r sim.Result) {
		verdicts = append(verdicts, r.Verdict)
		w.done(r)
	})
	if w.timer != nil {
		w.timer.Stop()
	}
	if err != nil {
		out.Error = err.Error()
	}
	if slices.Contains(verdicts, sim.Wrong) && f.purpose != "enrol" {
		out.Lost = append(out.Lost, "a decision was wrong")
	}
	if len(verdicts) < 5 || verdicts[4] != sim.Right {
		out.Lost = append(out.Lost, "the last person was not recognised")
	}
	if known[1] == (people[2]) || known[1] != people[1] {
		out.Lost = append(out.Lost, "person 1")
	}
	if n := shelf.Records(); f.purpose == "" && n < records {
		out.Lost = append(out.Lost, fmt.Sprintf("%d of %d records", records-n, records))
	}
}

// watcher lets the fault strike and end, and notes what people see of it.
type watcher struct {
	fault Fault
	bench *bench
	out   *Outcome

	mu     sync.Mutex
	came   int
	at     time.Time // when it struck
	timer  *time.Timer
	served bool
}

func (w *watcher) see(t firmware.Trace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case t.Kind == firmware.KindState && t.To == w.fault.during && w.came == struck && w.at.IsZero():
		w.at, w.out.Struck = time.Now(), true
		heal := w.fault.strike(w.bench)
		w.timer = time.AfterFunc(w.fault.lasts, heal)
	case w.at.IsZero() || w.served:
	case t.Kind == firmware.KindCue:
		if n := len(w.out.Saw); n == 0 || w.out.Saw[n-1] != t.Shows {
			w.out.Saw = append(w.out.Saw, t.Shows)
		}
	case t.Kind == firmware.KindFault:
		w.out.Said = append(w.out.Said, t.Error)
	case t.Kind == firmware.KindDecision && (t.Outcome == firmware.Accepted):
		w.served = true
		w.out.Served = max(time.Since(w.at), 1)
		w.out.Saw = append(w.out.Saw, hal.CueAccepted.String())
	}
}

func (w *watcher) done(r sim.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.came++
	w.out.Decisions = append(w.out.Decisions, r.Outcome)
}
