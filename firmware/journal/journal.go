// Package journal keeps what the unit's programs said, over resets, crashes
// and power cuts, in a bounded place on the data partition, so that the lines
// before a crash can be read after it. README.md in this folder says what is
// kept and what never is.
package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Bounds of Options.Size, in bytes.
const (
	MinSize = 64 << 10
	MaxSize = 64 << 20
)

// delay is how long a line of no importance may wait for others before all
// of them are written. Warnings and errors do not wait.
const delay = 250 * time.Millisecond

// maxPending bounds what waits in memory while the disk does not take it.
const maxPending = 256 << 10

// Options are what Open needs. Size is needed.
type Options struct {
	Size    int64            // bytes that all of it may take, MinSize to MaxSize
	Release string           // what runs, for people: "1.2.3 (serial 17), slot a"
	Now     func() time.Time // nil is time.Now
}

// Journal is an open journal. It may be used by several goroutines at once;
// one process only may have it open.
type Journal struct {
	opt   Options
	began time.Time

	mu      sync.Mutex
	ring    ring
	run     uint64 // number of this run
	seq     uint64 // of the last line
	pending []byte
	due     *time.Timer
	closed  bool
	lost    int   // lines that could not be written
	err     error // why
	rates   map[string]*rate
}

// Open opens the journal in a folder, which it makes where there is none, and
// begins a new run. Where the last run did not end by itself, its last lines
// are set aside first (see Crash).
func Open(dir string, opt Options) (*Journal, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	return open(f, opt)
}

func open(d disk, opt Options) (*Journal, error) {
	if opt.Size < MinSize || opt.Size > MaxSize {
		return nil, fmt.Errorf("journal: open: %d bytes, allowed %d to %d", opt.Size, MinSize, MaxSize)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	j := &Journal{opt: opt, began: opt.Now(), ring: ring{disk: d, size: opt.Size}, rates: map[string]*rate{}}
	all, err := j.ring.open()
	if err != nil {
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	if n := len(all); n > 0 {
		j.run, j.seq = all[n-1].Run, all[n-1].Seq
	}
	if err := j.ring.keepCrash(all); err != nil {
		return nil, fmt.Errorf("journal: keep the last lines of run %d: %w", j.run, err)
	}
	j.run++
	j.add(kindBegin, slog.LevelWarn, "journal", opt.Release)
	return j, j.Sync()
}

// add appends a record. It never fails: a unit does not stop because it
// cannot write its journal. What was lost is counted, and said when the disk
// takes lines again.
func (j *Journal) add(kind kind, level slog.Level, source, text string) {
	now := j.opt.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	if n := j.rate(source).take(now, kind, level); n > 0 {
		j.append(kindLine, slog.LevelWarn, source, fmt.Sprintf("journal: %d lines of %s were too many and are not kept", n, source), now)
	} else if n < 0 {
		return
	}
	j.append(kind, level, source, text, now)
	if level >= slog.LevelWarn {
		j.flush()
		return
	}
	if j.due == nil {
		j.due = time.AfterFunc(delay, func() { _ = j.Sync() })
	}
}

// append makes a record of one line and puts it where it waits.
func (j *Journal) append(kind kind, level slog.Level, source, text string, now time.Time) {
	if len(j.pending) > maxPending {
		j.lost++
		return
	}
	j.seq++
	l := Line{Seq: j.seq, Run: j.run, At: now.UTC().Truncate(time.Millisecond), Up: now.Sub(j.began).Truncate(time.Millisecond),
		Level: level, Source: plain(source, maxSource), Text: Redact(text), Mark: marks[kind]}
	j.pending = frame(j.pending, l)
}

// flush writes what waits. What the disk does not take waits on.
func (j *Journal) flush() {
	if j.due != nil {
		j.due.Stop()
		j.due = nil
	}
	if len(j.pending) == 0 {
		return
	}
	if j.err = j.ring.write(j.pending); j.err != nil {
		return
	}
	j.pending = j.pending[:0]
	if n := j.lost; n > 0 {
		j.lost = 0
		j.append(kindLine, slog.LevelWarn, "journal", fmt.Sprintf("journal: %d lines were lost while the disk took none", n), j.opt.Now())
		j.flush()
	}
}

// Sync writes every line that was added before, and tells why it could not.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.flush()
	if j.err != nil {
		return fmt.Errorf("journal: write: %w", j.err)
	}
	return nil
}

// Close ends the run as one that was meant to end, and says why: "factory
// reset", "restart into slot b". Lines that come after it are dropped.
func (j *Journal) Close(why string) error {
	j.add(kindEnd, slog.LevelWarn, "journal", why)
	err := j.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	return errors.Join(err, j.ring.close())
}

// Writer keeps the lines that a program writes, such as its standard error.
// source names it, at most 16 bytes. Lines longer than 512 bytes are cut.
func (j *Journal) Writer(source string) io.Writer { return &lines{j: j, source: source} }

// lines cuts a stream into lines.
type lines struct {
	j      *Journal
	source string
	mu     sync.Mutex
	rest   []byte
}

// Write keeps the whole lines, and the last part of one until its end comes.
func (w *lines) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range b {
		if c != '\n' {
			if len(w.rest) < 2*maxText {
				w.rest = append(w.rest, c)
			}
			continue
		}
		if text := string(w.rest); text != "" {
			w.j.add(kindLine, levelOf(text), w.source, text)
		}
		w.rest = w.rest[:0]
	}
	return len(b), nil
}
