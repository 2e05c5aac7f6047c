package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"volar/wire"
)

var (
	errStopping = errors.New("shutting down")
	errStalled  = errors.New("takes nothing and asks for nothing")
)

// link is the sessions' side of one running vault: it interleaves the frames
// of all devices on one stream and gives each its replies.
//
// Frames go out through a channel without a buffer, so that the devices take
// turns and each of them waits, with one frame in its hands, for as long as
// the vault does. The way back never waits: a device that does not take its
// replies loses its connection instead of holding up the others.
type link struct {
	net     net.Conn
	stall   time.Duration
	metrics *Metrics

	out   chan []byte   // encoded envelopes
	wake  chan struct{} // closing has grown
	moved atomic.Int64  // when the vault last took or sent something on either link

	once  sync.Once
	done  chan struct{} // closed by fail
	cause error         // why; read it after done

	mu      sync.Mutex
	conns   map[uint64]*conn
	closing []uint64 // sessions to close; never more than the vault has open
}

func newLink(c net.Conn, stall time.Duration, m *Metrics) *link {
	l := &link{net: c, stall: stall, metrics: m,
		out: make(chan []byte), wake: make(chan struct{}, 1), done: make(chan struct{}), conns: map[uint64]*conn{}}
	l.progress()
	return l
}

// run carries envelopes both ways until the link fails. It leaves no
// connection behind.
func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() { l.fail(l.write()) })
	both.Go(func() { l.fail(ended(errSessions, l.read())) })
	<-l.done
	l.mu.Lock()
	for _, c := range l.conns {
		c.end(endVaultGone)
	}
	l.mu.Unlock()
	both.Wait()
}

// fail ends the link, once.
func (l *link) fail(cause error) {
	l.once.Do(func() {
		l.cause = cause
		close(l.done)
		l.net.Close()
	})
}

// progress notes that the vault is alive.
func (l *link) progress() { l.moved.Store(time.Now().UnixNano()) }

// add takes a connection in. It is false once the link has ended.
func (l *link) add(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.done:
		return false
	default:
	}
	l.conns[c.session] = c
	return true
}

// leave forgets a connection that has ended and, where the vault knows of the
// session, lets it know. It never waits.
func (l *link) leave(c *conn, opened bool) {
	l.mu.Lock()
	_, open := l.conns[c.session] // gone when it was the vault that closed it
	delete(l.conns, c.session)
	if open && opened {
		l.closing = append(l.closing, c.session)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// each calls f for every connection.
func (l *link) each(f func(*conn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		f(c)
	}
}

func (l *link) write() error {
	for {
		select {
		case <-l.done:
			return l.cause
		case b := <-l.out:
			if err := l.writeFrame(b); err != nil {
				return err
			}
		case <-l.wake:
			if err := l.writeCloses(); err != nil {
				return err
			}
		}
	}
}

func (l *link) writeCloses() error {
	l.mu.Lock()
	closing := l.closing
	l.closing = nil
	l.mu.Unlock()
	for _, session := range closing {
		b, err := wire.EncodeEnvelope(wire.Envelope{Session: session, Kind: wire.Close})
		if err != nil {
			return err
		}
		if err := l.writeFrame(b); err != nil {
			return err
		}
	}
	return nil
}

// writeFrame waits for as long as the vault shows any sign of life: while it
// restores its gallery it takes no frame, but asks for blobs.
func (l *link) writeFrame(b []byte) error {
	return wire.WriteFrame32(patient{l}, b)
}

// patient writes to a link's stream until everything is written or nothing
// has moved for the stall limit.
type patient struct{ l *link }

func (p patient) Write(b []byte) (int, error) {
	total := 0
	for {
		if err := p.l.net.SetWriteDeadline(time.Now().Add(p.l.stall)); err != nil {
			return total, err
		}
		n, err := p.l.net.Write(b[total:])
		total += n
		if n > 0 {
			p.l.progress()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return total, err
		}
		if still := time.Since(time.Unix(0, p.l.moved.Load())); still >= p.l.stall {
			return total, fmt.Errorf("%w for %v", errStalled, p.l.stall)
		}
	}
}

func (l *link) read() error {
	r := bufio.NewReaderSize(l.net, 1<<15)
	for {
		b, err := wire.ReadFrame32(r, wire.MaxEnvelope)
		if err != nil {
			return err
		}
		l.progress()
		e, err := wire.DecodeEnvelope(b)
		if err != nil {
			return err
		}
		if err := l.dispatch(e); err != nil {
			return err
		}
	}
}

// dispatch gives a connection what the vault has for it.
func (l *link) dispatch(e wire.Envelope) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.conns[e.Session]
	switch e.Kind {
	case wire.Data:
		if c == nil || !c.deliver(e.Payload) { // none: it crossed our Close
			l.metrics.dropped.Inc()
		}
	case wire.Close:
		if c != nil {
			delete(l.conns, e.Session)
			close(c.replies)
		}
		// A Close of ours that is still unsent would be for a session that is no more.
		l.closing = slices.DeleteFunc(l.closing, func(s uint64) bool { return s == e.Session })
	default:
		return fmt.Errorf("the vault sent an envelope of kind %d", e.Kind)
	}
	return nil
}
