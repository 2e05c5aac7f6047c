package prov

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Port is a unit's end of the line. Frames, Improv packets and text leave
// through it, each as a whole, so that none gets into another.
type Port struct {
	turn  chan struct{} // has an element while nobody writes: a lock on which faked time may wait
	line  io.ReadWriter
	texts chan string
	lost  atomic.Int64 // lines of text that nobody took
	once  sync.Once

	logging sync.Mutex
	closed  bool
}

// texts that wait to leave. Where a line takes nothing, text is lost rather
// than who writes it held.
const waiting = 256

// NewPort takes over a line: a terminal in raw mode, which nothing else may
// write from now on.
func NewPort(line io.ReadWriter) *Port {
	p := &Port{line: line, texts: make(chan string, waiting), turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	go func() {
		for text := range p.texts {
			if n := p.lost.Swap(0); n > 0 {
				_ = p.Say(fmt.Sprintf("(%d lines were lost)", n)) // as in Log
			}
			_ = p.Say(text)
		}
	}()
	return p
}

// Close ends the Port; the line stays as it is, and what is still written to
// Log goes nowhere.
func (p *Port) Close() {
	p.once.Do(func() {
		p.logging.Lock()
		defer p.logging.Unlock()
		p.closed = true
		close(p.texts)
	})
}

// later has a text leave when the line has time for it.
func (p *Port) later(text string) {
	p.logging.Lock()
	defer p.logging.Unlock()
	if p.closed {
		return
	}
	select {
	case p.texts <- text:
	default:
		p.lost.Add(1)
	}
}

// Read reads from the line.
func (p *Port) Read(b []byte) (int, error) { return p.line.Read(b) }

// send writes b as a whole.
func (p *Port) send(b []byte) error {
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	for len(b) > 0 {
		n, err := p.line.Write(b)
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		b = b[n:]
	}
	return nil
}

// Packet sends a packet of SMP.
func (p *Port) Packet(packet []byte) error { return p.send(AppendFrame(nil, packet)) }

// Improv sends a packet of Improv Serial.
func (p *Port) Improv(i Improv) error { return p.send(i.Append(nil)) }

// Say sends a line of text, cleaned.
func (p *Port) Say(text string) error { return p.send([]byte(Clean(text) + "\r\n")) }

// Log is for text that the unit writes on its own. It may be used by many at
// the same time; what they write leaves line by line, cleaned, without making
// them wait. Errors of the line are not the writer's to know.
func (p *Port) Log() io.Writer { return &logWriter{port: p} }

type logWriter struct {
	port *Port
	mu   sync.Mutex
	part []byte
}

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, b...)
	for {
		i := bytes.IndexByte(w.part, '\n')
		if i < 0 && len(w.part) > MaxLine || i > MaxLine {
			i = MaxLine
		}
		if i < 0 {
			return len(b), nil
		}
		w.port.later(string(w.part[:i]))
		w.part = append(w.part[:0], bytes.TrimPrefix(w.part[i:], []byte("\n"))...)
	}
}

// Clean makes a line of text of at most MaxLine bytes that cannot be taken
// for a frame, for Improv, or for a terminal's commands.
func Clean(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ', r == 0x7f, r >= 0x80 && r < 0xa0, r == utf8.RuneError:
			return '.'
		}
		return r
	}, strings.TrimRight(s, "\r\n"))
	clean = strings.ReplaceAll(clean, string(improvMagic), "IMPR.V")
	if len(clean) > MaxLine {
		clean = strings.ToValidUTF8(clean[:MaxLine], "")
	}
	return clean
}
