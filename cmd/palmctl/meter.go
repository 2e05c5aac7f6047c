package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// meter shows how far a piece of work is and how long the rest will take, on
// one line of a terminal, from its second second on. Elsewhere it says nothing.
type meter struct {
	w     io.Writer
	what  string
	quiet bool
	began time.Time

	mu    sync.Mutex
	last  time.Time
	shown bool
}

func newMeter(w io.Writer, what string) *meter {
	now := time.Now()
	return &meter{w: w, what: what, quiet: !isTerminal(w), began: now, last: now.Add(time.Second)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// at says that done of of bytes are done.
func (m *meter) at(done, of int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.quiet || done <= 0 || now.Sub(m.last) < 200*time.Millisecond {
		return
	}
	m.last, m.shown = now, true
	left := time.Duration(float64(now.Sub(m.began)) * float64(of-done) / float64(done))
	fmt.Fprintf(m.w, "\r\033[K%s %d %% of %s, %s left", m.what, 100*done/max(of, 1), bytesText(of), left.Round(time.Second))
}

// end clears the line.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown {
		m.shown = false
		fmt.Fprint(m.w, "\r\033[K")
	}
}
