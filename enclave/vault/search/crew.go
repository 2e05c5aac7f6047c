package search

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// The crew is one goroutine for each processor but one. They help with whatever search
// is under way, and the goroutine that searches works too: where the crew is busy
// it does all by itself.
var crew = sync.OnceValue(func() chan<- call {
	calls := make(chan call, 64)
	for range lanes() - 1 {
		go func() {
			for c := range calls {
				c.team.help(c.generation)
			}
		}()
	}
	return calls
})

// lanes is how many may work on one search at a time.
var lanes = sync.OnceValue(runtime.NumCPU)

// A call asks the crew for help with one stage of a search.
type call struct {
	team       *team
	generation uint64
}

// A team works on the items of one stage after another.
type team struct {
	work func(lane int)
	next atomic.Int64

	mu         sync.Mutex
	left       sync.Cond
	generation uint64
	entered    int // helpers that have begun in this generation
	inside     int // of these, how many are at work
	fault      any // of a helper
}

func (t *team) init() { t.left.L = &t.mu }

// run lets work be done by as many as come; each has a lane of its own, takes items by
// take until there are none, and returns. run returns when all have. A panic of one of them comes out of run.
func (t *team) run(work func(lane int)) {
	t.mu.Lock()
	t.work, t.entered, t.fault = work, 0, nil
	t.next.Store(0)
	generation := t.generation
	t.mu.Unlock()
	defer t.end()
	for range lanes() - 1 {
		select {
		case crew() <- call{t, generation}:
		default: // everybody has plenty to do
		}
	}
	work(0)
}

// end closes the stage and waits for the helpers.
func (t *team) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation++ // who comes now comes too late
	for t.inside > 0 {
		t.left.Wait()
	}
	if t.fault != nil {
		panic(t.fault)
	}
}

// take is the next item of a stage that has n; false when there are none left.
func (t *team) take(n int) (item int, ok bool) {
	item = int(t.next.Add(1) - 1)
	return item, item < n
}

// help joins in, unless the stage is over.
func (t *team) help(generation uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.generation != generation {
		return
	}
	t.entered++
	t.inside++
	lane, work := t.entered, t.work
	t.mu.Unlock()
	defer func() {
		fault := recover()
		t.mu.Lock()
		if fault != nil {
			t.fault = fault
		}
		if t.inside--; t.inside == 0 {
			t.left.Signal()
		}
	}()
	work(lane)
}
