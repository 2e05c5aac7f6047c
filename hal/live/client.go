package live

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"volar/hal"
)

// dialFor is how long a connection may take to be made and to be greeted.
const dialFor = 10 * time.Second

// Client is a device's end: camera, presence sensor and face. A connection
// that breaks is made anew by the next request.
type Client struct {
	address string

	mu   sync.Mutex
	line *line // nil where there is none
}

var (
	_ hal.Camera   = (*Client)(nil)
	_ hal.Presence = (*Client)(nil)
	_ hal.Face     = (*Client)(nil)
)

// line is one connection, until it breaks.
type line struct {
	conn    net.Conn
	sending sync.Mutex
	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan message
	broken  chan struct{} // closed where it has
}

// Dial reaches a simulator and learns how its cameras are calibrated.
func Dial(address string) (*Client, hal.Calibration, error) {
	c := &Client{address: address}
	ctx, cancel := context.WithTimeout(context.Background(), dialFor)
	defer cancel()
	b, err := c.ask(ctx, kindHello, nil)
	if err != nil {
		return nil, hal.Calibration{}, err
	}
	cal, err := hal.ParseCalibration(b)
	if err != nil {
		c.Close()
		return nil, hal.Calibration{}, fmt.Errorf("live: %w", err)
	}
	return c, *cal, nil
}

// Shoot asks for what the simulator's cameras see under l.
func (c *Client) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if err := l.Check(); err != nil {
		return hal.Shot{}, err
	}
	b, err := c.ask(ctx, kindShoot, binary.BigEndian.AppendUint16(nil, uint16(l)))
	if err != nil {
		return hal.Shot{}, err
	}
	return decodeShot(b)
}

// Wait asks for a hand, or for its going.
func (c *Client) Wait(ctx context.Context, near bool) error {
	body := []byte{0}
	if near {
		body[0] = 1
	}
	_, err := c.ask(ctx, kindWait, body)
	return err
}

// Next asks what the hand that is there came for.
func (c *Client) Next(ctx context.Context) (Order, error) {
	b, err := c.ask(ctx, kindNext, nil)
	if err != nil {
		return Order{}, err
	}
	return decodeOrder(b)
}

// Decided tells how a wave ended.
func (c *Client) Decided(o Outcome) error { return c.tell(kindDecided, o.encode()) }

// Show tells what the face shows.
func (c *Client) Show(cue hal.Cue) error {
	if _, err := cue.Look(); err != nil {
		return err
	}
	return c.tell(kindCue, []byte{uint8(cue)})
}

// Close ends the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil {
		return nil
	}
	err := c.line.conn.Close()
	c.line = nil
	return err
}

// connect gives the connection, a new one where the last has broken.
func (c *Client) connect() (*line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != nil {
		select {
		case <-c.line.broken:
		default:
			return c.line, nil
		}
	}
	conn, err := net.DialTimeout("tcp", c.address, dialFor)
	if err != nil {
		return nil, fmt.Errorf("live: %w: %w", hal.ErrUnplugged, err)
	}
	l := &line{conn: conn, waiting: map[uint32]chan message{}, broken: make(chan struct{})}
	c.line = l
	go l.read()
	return l, nil
}

// read hands replies to who waits for them, until the connection breaks.
func (l *line) read() {
	defer close(l.broken)
	defer l.conn.Close()
	for {
		m, err := readMessage(l.conn)
		if err != nil {
			return
		}
		l.mu.Lock()
		to := l.waiting[m.number]
		delete(l.waiting, m.number)
		l.mu.Unlock()
		if to != nil { // otherwise nobody waits any more
			to <- m
		}
	}
}

func (l *line) send(m message) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	if err := m.write(l.conn); err != nil {
		l.conn.Close()
		return fmt.Errorf("live: %w: %w", hal.ErrUnplugged, err)
	}
	return nil
}

// tell sends what needs no answer.
func (c *Client) tell(kind uint8, body []byte) error {
	l, err := c.connect()
	if err != nil {
		return err
	}
	return l.send(message{0, kind, body})
}

// ask sends a request and waits for its reply.
func (c *Client) ask(ctx context.Context, kind uint8, body []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := c.connect()
	if err != nil {
		return nil, err
	}
	reply := make(chan message, 1)
	l.mu.Lock()
	l.last++
	number := l.last
	l.waiting[number] = reply
	l.mu.Unlock()
	if err := l.send(message{number, kind, body}); err != nil {
		return nil, err
	}
	select {
	case m := <-reply:
		if m.kind == kindError {
			return nil, decodeError(m.body)
		}
		if m.kind != kind {
			return nil, fmt.Errorf("live: reply %d to request %d", m.kind, kind)
		}
		return m.body, nil
	case <-l.broken:
		return nil, fmt.Errorf("live: %w: the connection broke", hal.ErrUnplugged)
	case <-ctx.Done():
		l.mu.Lock()
		delete(l.waiting, number)
		l.mu.Unlock()
		_ = l.send(message{number, kindCancel, nil})
		return nil, ctx.Err()
	}
}
