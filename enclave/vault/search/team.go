package search

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// lanes is how many goroutines work on one search.
var lanes = sync.OnceValue(runtime.NumCPU)

// A team works on the items of one stage after another.
type team struct {
	work    func(lane int)
	next    atomic.Int64
	helpers []func() // made once, so that starting one takes no memory

	mu     sync.Mutex
	left   sync.Cond
	inside int // helpers at work
	fault  any // of a helper
}

func (t *team) init() {
	t.left.L = &t.mu
	for lane := 1; lane < lanes(); lane++ {
		t.helpers = append(t.helpers, func() { t.help(lane) })
	}
}

// run lets all lanes work. Each takes items by take until there are none, and
// returns; run returns when all have. A panic of one of them comes out of run.
func (t *team) run(work func(lane int)) {
	t.work, t.fault = work, nil
	t.next.Store(0)
	t.inside = len(t.helpers)
	for _, help := range t.helpers {
		go help()
	}
	defer t.wait()
	work(0)
}

// wait is for the helpers.
func (t *team) wait() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.inside > 0 {
		t.left.Wait()
	}
	if t.fault != nil {
		panic(t.fault)
	}
}

func (t *team) help(lane int) {
	defer func() {
		fault := recover()
		t.mu.Lock()
		defer t.mu.Unlock()
		if fault != nil {
			t.fault = fault
		}
		if t.inside--; t.inside == 0 {
			t.left.Signal()
		}
	}()
	t.work(lane)
}

// take is the next item of a stage that has n; false when there are none left.
func (t *team) take(n int) (item int, ok bool) {
	item = int(t.next.Add(1) - 1)
	return item, item < n
}
