package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"
)

// Run is one start of the unit.
type Run struct {
	ID      uint64    `json:"run"`
	Began   time.Time `json:"began"`         // by the unit's clock of that moment
	Release string    `json:"release"`       // what ran; "" where the beginning is not kept any more
	Lines   int       `json:"lines"`         // that are kept
	End     string    `json:"end,omitempty"` // why it ended, where it was meant to
	How     string    `json:"how"`           // "runs", "ended", or "cut": a crash, a reset or a power cut
}

// all reads every line that is kept.
func (j *Journal) all() (all []Line, err error) {
	if err := j.Sync(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range j.ring.files {
		b, err := j.ring.disk.read(f.name(), j.ring.size)
		if errors.Is(err, fs.ErrNotExist) { // nothing was written to it yet
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("journal: read: %w", err)
		}
		lines, _ := parseAll(b)
		all = append(all, lines...)
	}
	return all, nil
}

// Runs lists the runs of which anything is kept, the oldest first. The last
// one is this.
func (j *Journal) Runs() (runs []Run, err error) {
	all, err := j.all()
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if n := len(runs); n == 0 || runs[n-1].ID != l.Run {
			runs = append(runs, Run{ID: l.Run, Began: l.At.Add(-l.Up), How: "cut"})
		}
		r := &runs[len(runs)-1]
		r.Lines++
		switch l.kind() {
		case kindBegin:
			r.Release = l.Text
		case kindEnd:
			r.End, r.How = l.Text, "ended"
		}
		if l.Run == j.run && l.kind() != kindEnd {
			r.How = "runs"
		}
	}
	return runs, nil
}

// Lines gives the lines of a run that are kept.
func (j *Journal) Lines(run uint64) ([]Line, error) {
	return j.pick(func(l Line) bool { return l.Run == run })
}

// Since gives the lines after that with number seq, of all runs, at most most
// of them: the next call goes on from the last one's Seq.
func (j *Journal) Since(seq uint64, most int) ([]Line, error) {
	list, err := j.pick(func(l Line) bool { return l.Seq > seq })
	return list[:min(len(list), most)], err
}

// Tail gives the last lines, at most most of them.
func (j *Journal) Tail(most int) ([]Line, error) {
	all, err := j.all()
	return all[len(all)-min(len(all), most):], err
}

func (j *Journal) pick(wanted func(Line) bool) (list []Line, err error) {
	all, err := j.all()
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if wanted(l) {
			list = append(list, l)
		}
	}
	return list, nil
}

// Crash gives the last lines of the last run that did not end by itself.
// There may be none.
func (j *Journal) Crash() ([]Line, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b, err := j.ring.disk.read(crashFile, j.ring.size)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: read the crash: %w", err)
	}
	list, _ := parseAll(b)
	return list, nil
}

// WriteText writes lines as people read them: time, since start, level, source, text.
func WriteText(w io.Writer, list []Line) error {
	for _, l := range list {
		mark := ""
		switch {
		case l.Mark != "":
			mark = l.Mark + ": "
		case l.Level >= slog.LevelError:
			mark = "ERROR "
		case l.Level >= slog.LevelWarn:
			mark = "WARN "
		}
		if _, err := fmt.Fprintf(w, "%s %8.3fs %-9s %s%s\n", l.At.Format("2006-01-02 15:04:05"), l.Up.Seconds(), l.Source, mark, l.Text); err != nil {
			return err
		}
	}
	return nil
}
