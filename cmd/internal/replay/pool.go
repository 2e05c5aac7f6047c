package replay

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// tapeLimit is how long one tape may take, in real time, where no speed is
// asked for. The longest tape that record makes takes a tenth of it.
const tapeLimit = 10 * time.Minute

// Pool works in processes of their own: a job that ends in a crash or hangs
// costs itself and no other.
type Pool struct {
	// Worker starts a process that runs Work on descriptor 3 for what it is
	// asked and 4 for what it answers.
	Worker func(context.Context) *exec.Cmd

	Workers int // 0 is one a processor
	Journal *Journal
}

// Job is what a worker is asked for.
type Job struct {
	What  string  // how, in words that the worker's program knows
	Path  string  // of the tape
	Speed float64 // as in Options
	Order []byte  // all else, as JSON
}

// Do has the jobs done and tells of each result, in no order, one at a time.
// It returns an error where workers cannot be started, and that of ctx.
func (p *Pool) Do(ctx context.Context, jobs []Job, each func(Job, Result)) error {
	n := p.Workers
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	work := make(chan Job)
	var mu sync.Mutex
	var failed error
	tell := func(j Job, r Result) {
		mu.Lock()
		defer mu.Unlock()
		each(j, r)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	for range min(n, len(jobs)) {
		all.Go(func() {
			if err := p.serve(ctx, work, tell); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
				stop()
			}
		})
	}
feed:
	for _, j := range jobs {
		if r, ok := p.Journal.find(j.Path); ok {
			tell(j, r)
			continue
		}
		select {
		case work <- j:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	all.Wait()
	if failed != nil {
		return failed
	}
	return ctx.Err()
}

// serve keeps one worker busy, and starts another where it ends.
func (p *Pool) serve(ctx context.Context, work <-chan Job, tell func(Job, Result)) error {
	var w *worker
	defer func() { w.stop() }()
	for j := range work {
		if w == nil {
			var err error
			if w, err = p.start(ctx); err != nil {
				return fmt.Errorf("replay: start a worker: %w", err)
			}
		}
		r, err := w.do(j)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r = Result{Tape: j.Path, Name: NameOf(j.Path), Error: "the firmware ended: " + w.last(err)}
			w.stop()
			w = nil
		} else {
			p.Journal.keep(j.Path, r)
		}
		tell(j, r)
	}
	return nil
}

// worker is a process that does jobs.
type worker struct {
	cmd  *exec.Cmd
	ask  *os.File
	out  *gob.Encoder
	in   *gob.Decoder
	get  *os.File
	said bytes.Buffer
}

func (p *Pool) start(ctx context.Context) (*worker, error) {
	theirIn, ask, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	get, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), ask.Close())
	}
	w := &worker{cmd: p.Worker(ctx), ask: ask, get: get, out: gob.NewEncoder(ask), in: gob.NewDecoder(get)}
	w.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	w.cmd.Stdout, w.cmd.Stderr = &w.said, &w.said
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is ours to pass on
	err = w.cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		return nil, errors.Join(err, ask.Close(), get.Close())
	}
	return w, nil
}

func (w *worker) do(j Job) (r Result, err error) {
	limit := tapeLimit
	if j.Speed > 0 {
		limit = 24 * time.Hour
	}
	t := time.AfterFunc(limit, func() { w.cmd.Process.Signal(syscall.SIGQUIT) }) // which tells where it hangs
	defer t.Stop()
	if err := w.out.Encode(j); err != nil {
		return r, err
	}
	return r, w.in.Decode(&r)
}

// stop ends the process.
func (w *worker) stop() {
	if w == nil {
		return
	}
	w.ask.Close()
	w.get.Close()
	_ = w.cmd.Wait() // what it says is in said
}

// last is what a worker that ended said first of its end.
func (w *worker) last(err error) string {
	w.ask.Close()
	_ = w.cmd.Wait()
	for line := range bytes.Lines(w.said.Bytes()) {
		for _, sign := range []string{"panic: ", "fatal error: ", "SIG", "terminate called"} {
			if bytes.HasPrefix(line, []byte(sign)) {
				return string(bytes.TrimSpace(line))
			}
		}
	}
	return err.Error() + ", " + w.cmd.ProcessState.String()
}

// Work is the worker's side: it does what it is asked for until there is no more.
func Work(ctx context.Context, in io.Reader, out io.Writer, do func(context.Context, Job) Result) error {
	asked, answers := gob.NewDecoder(in), gob.NewEncoder(out)
	for {
		var j Job
		if err := asked.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("replay: work: %w", err)
		}
		if err := answers.Encode(do(ctx, j)); err != nil {
			return fmt.Errorf("replay: work: %w", err)
		}
	}
}
