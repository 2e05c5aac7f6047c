package gateway

import (
	"bufio"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"volar/wire"
)

// handshakeFrames is how many frames a device sends until the link's
// handshake is done: Hello and the first and third message of Noise XK. The
// host cannot read them, but it can count.
const handshakeFrames = 3

// conn is one device's connection.
type conn struct {
	session uint64
	net     net.Conn
	link    *link
	limits  Limits
	metrics *Metrics

	replies chan []byte   // sent to, and closed, by the link's reader alone
	asked   atomic.Int64  // when the device's latest frame was handed over
	active  atomic.Int64  // when a frame last passed, either way
	asking  atomic.Bool   // that frame came from the device
	once    sync.Once     // for end
	gone    chan struct{} // closed by end
	reason  string        // why it ended; read it after gone
}

func newConn(session uint64, c net.Conn, l *link, limits Limits, m *Metrics) *conn {
	k := &conn{session: session, net: c, link: l, limits: limits, metrics: m,
		replies: make(chan []byte, limits.Replies), gone: make(chan struct{})}
	k.active.Store(time.Now().UnixNano())
	return k
}

// end closes the connection, once, and unblocks both of its directions.
func (c *conn) end(reason string) {
	c.once.Do(func() {
		c.reason = reason
		close(c.gone)
		c.net.Close()
	})
}

// serve carries frames both ways until either side ends it.
func (c *conn) serve() {
	var back sync.WaitGroup
	back.Go(c.writeReplies)
	opened, reason := c.forwardFrames()
	c.end(reason)
	back.Wait()
	c.link.leave(c, opened)
}

// forwardFrames hands the device's frames to the vault, one at a time, and
// says whether the vault has heard of the session and why it stopped. The
// vault hears of a session with its first frame: a connection that says
// nothing costs it nothing.
func (c *conn) forwardFrames() (opened bool, reason string) {
	r := bufio.NewReaderSize(c.net, 4096)
	handshake := time.Now().Add(c.limits.Handshake)
	pace := newPace(c.limits.FrameRate, c.limits.Burst)
	for n := 0; ; n++ {
		frame, reason := c.readFrame(r, n, handshake)
		if reason != "" {
			return opened, reason
		}
		c.hold(pace.wait(time.Now()))
		if !opened {
			if reason := c.send(wire.Envelope{Session: c.session, Kind: wire.Open}); reason != "" {
				return false, reason
			}
			opened = true
		}
		c.metrics.frame("in", len(frame))
		if reason := c.send(wire.Envelope{Session: c.session, Kind: wire.Data, Payload: frame}); reason != "" {
			return opened, reason
		}
	}
}

// hold waits for d, or until the connection has ended.
func (c *conn) hold(d time.Duration) {
	if d <= 0 {
		return
	}
	c.metrics.throttled.Inc()
	select {
	case <-time.After(d):
	case <-c.gone:
	}
}

// readFrame reads the n-th frame. The frames of the handshake share one
// deadline; later ones may be long in coming, but once begun not in ending.
func (c *conn) readFrame(r *bufio.Reader, n int, handshake time.Time) (frame []byte, reason string) {
	late := endHandshake
	deadline := handshake
	if n >= handshakeFrames {
		late, deadline = endIdle, time.Now().Add(c.limits.Idle)
	}
	c.net.SetReadDeadline(deadline)
	if _, err := r.Peek(1); err != nil {
		return nil, whyRead(err, late)
	}
	if n >= handshakeFrames {
		late = endFrameTime
		c.net.SetReadDeadline(time.Now().Add(c.limits.Frame))
	}
	frame, err := wire.ReadFrame16(r)
	if err != nil {
		return nil, whyRead(err, late)
	}
	c.asking.Store(true)
	c.active.Store(time.Now().UnixNano())
	return frame, ""
}

func whyRead(err error, late string) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return late
	case errors.Is(err, wire.ErrFrameSize):
		return endGarbage
	}
	return endDevice
}

// send hands an envelope to the vault and waits for its turn.
func (c *conn) send(e wire.Envelope) (reason string) {
	b, err := wire.EncodeEnvelope(e)
	if err != nil {
		return endGarbage
	}
	began := time.Now()
	patience := time.NewTimer(c.limits.Forward)
	defer patience.Stop()
	c.asked.Store(began.UnixNano()) // before the reply can come
	select {
	case c.link.out <- b:
		c.metrics.taken.Observe(time.Since(began).Seconds())
		return ""
	case <-c.link.done:
		return endVaultGone
	case <-c.gone:
		return endDevice // end has been called and keeps its own reason
	case <-patience.C:
		return endBusy
	}
}

// deliver queues a reply. It never waits, for the link's reader serves all
// devices: where the queue is full the connection ends, and it is false.
func (c *conn) deliver(reply []byte) bool {
	select {
	case c.replies <- reply:
		return true
	default:
		c.end(endSlow)
		return false
	}
}

// writeReplies writes the vault's replies, in their order. When the vault
// closes the session, what came before is still written.
func (c *conn) writeReplies() {
	for {
		select {
		case <-c.gone:
			return
		case reply, more := <-c.replies:
			if !more {
				c.end(endVault)
				return
			}
			c.net.SetWriteDeadline(time.Now().Add(c.limits.Write))
			if err := wire.WriteFrame16(c.net, reply); err != nil {
				c.end(whyWrite(err))
				return
			}
			now := time.Now()
			c.asking.Store(false)
			c.active.Store(now.UnixNano())
			c.metrics.replied.Observe(now.Sub(time.Unix(0, c.asked.Load())).Seconds())
			c.metrics.frame("out", len(reply))
		}
	}
}

// quiet says that no wave seems to be running: the vault has spoken last, a
// while ago.
func (c *conn) quiet() bool {
	return !c.asking.Load() && time.Since(time.Unix(0, c.active.Load())) >= c.limits.Quiet
}

func whyWrite(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return endSlow
	}
	return endDevice
}
