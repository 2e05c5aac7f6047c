package gallery

import (
	"context"
	"errors"
	"time"

	"volar/wire"
)

// maxBatch is how many changes one epoch takes at most.
const maxBatch = 32

// op is one change that somebody waits for.
type op struct {
	tenant string
	person wire.Person
	record *Record // nil deletes

	done    chan struct{}
	err     error
	receipt []byte
	fault   bool // the change ended in a panic
}

// urgent changes wait for nobody: a person who asked to be forgotten is
// forgotten now.
func (o *op) urgent() bool { return o.record == nil }

// submit queues a change and waits until it is committed or has failed. The
// end of ctx does not call it back: what has begun is finished, and the
// answer is what came of it.
func (g *Gallery) submit(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.done = make(chan struct{})
	g.mu.Lock()
	if g.failed != nil {
		defer g.mu.Unlock()
		return g.failed
	}
	g.queue = append(g.queue, o)
	if !g.running {
		g.running = true
		go g.run(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default: // it is awake
	}
	<-o.done
	if o.fault {
		panic("gallery: a fault during a change") // in the goroutine of whoever asked for it
	}
	return o.err
}

// run commits what is queued, batch after batch, until nothing is left.
func (g *Gallery) run(ctx context.Context) {
	for {
		g.gather()
		g.mu.Lock()
		n := min(len(g.queue), maxBatch)
		ops := g.queue[:n:n]
		g.queue = g.queue[n:]
		g.mu.Unlock()
		g.settleOps(ctx, ops)
		g.mu.Lock()
		g.last = time.Now()
		if len(g.queue) == 0 {
			g.queue, g.running = nil, false
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
	}
}

// gather waits until the queue is worth an epoch: it holds an urgent change,
// or as many as one epoch takes, or the last epoch is long enough ago. So a
// change that comes alone is committed at once, and of many that come
// together the counter sees no more than one epoch in each wait.
func (g *Gallery) gather() {
	for {
		g.mu.Lock()
		ripe := len(g.queue) >= maxBatch
		for _, o := range g.queue {
			ripe = ripe || o.urgent()
		}
		left := time.Until(g.last.Add(g.wait))
		g.mu.Unlock()
		if ripe || left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-g.wake:
		}
		timer.Stop()
	}
}

// settleOps commits a batch and lets everybody who waits for it go. A panic
// in the store or in the platform ends no more than the changes that met it.
func (g *Gallery) settleOps(ctx context.Context, ops []*op) {
	g.turn.Lock()
	defer g.turn.Unlock()
	fault := true
	defer func() {
		if fault {
			_ = recover() // what it says may be about a person
		}
		for _, o := range ops {
			o.fault = fault
			close(o.done)
		}
	}()
	if err := g.changeAll(ctx, ops); err != nil {
		for _, o := range ops {
			if o.err == nil {
				o.err, o.receipt = err, nil
			}
		}
	}
	fault = false
}

// errNothing means that none of a batch's changes was possible.
var errNothing = errors.New("nothing to change")

// changeAll makes one epoch of a batch. Changes that are not possible get
// their own error; an error that is returned is that of all others.
func (g *Gallery) changeAll(ctx context.Context, ops []*op) error {
	epoch, shelves, failed := g.state()
	if failed != nil {
		return failed
	}
	if g.importing != (key{}) {
		return ErrUnknown // there is nobody's gallery yet
	}
	if !g.settled {
		if err := g.settle(ctx); err != nil {
			return err
		}
		epoch, shelves, _ = g.state()
	}
	d := newDraft(epoch, shelves)
	possible := errNothing
	for _, o := range ops {
		if o.err = g.draft(d, o); o.err == nil {
			possible = nil
		}
	}
	if possible != nil {
		return nil // each has its own error
	}
	if err := g.commit(ctx, d); err != nil {
		return err
	}
	g.certifyAll(ctx, ops)
	return nil
}

// draft adds one change to a draft, or leaves the draft as it was.
func (g *Gallery) draft(d *draft, o *op) error {
	if o.record != nil {
		return d.put(o.tenant, o.record)
	}
	if g.program == ([32]byte{}) {
		return ErrUncertain
	}
	return d.remove(o.tenant, o.person, owed{before: d.epoch - 1, after: d.epoch, time: time.Now().Unix(), program: g.program})
}
