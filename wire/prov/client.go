package prov

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"volar/wire/link"
)

// What can be wrong with a line.
var (
	ErrSilent = errors.New("prov: the unit does not answer")
	ErrGone   = errors.New("prov: the line is gone")
)

// Pauses before a question is repeated. The line may lose a question or its
// answer; the unit answers a repeated question without doing it again.
const (
	firstPause = 400 * time.Millisecond
	lastPause  = 4 * time.Second
)

// Client is a bench's end of the line. Its calls are one after another; a
// second waits for the first.
type Client struct {
	line    io.ReadWriter
	said    func(string)
	packets chan []byte
	frames  chan []byte   // to the writer
	ended   chan struct{} // the reader has

	mu    sync.Mutex
	seq   uint8
	cable *link.Cable
}

// NewClient reads line until that gives an error or ctx ends, and tells each
// line of the unit's text to said, which may be nil. A read that gives nothing
// and no error is tried again, so line may have read timeouts; without them the
// caller closes line at the end.
func NewClient(ctx context.Context, line io.ReadWriter, said func(string)) *Client {
	c := &Client{line: line, said: said, packets: make(chan []byte, 8), frames: make(chan []byte), ended: make(chan struct{})}
	var first [1]byte
	rand.Read(first[:]) // never fails; late answers to another program's questions are not ours
	c.seq = first[0]
	go c.read(ctx)
	go c.write(ctx)
	return c
}

// write writes frames, one after another, so that a line that takes nothing
// does not hold who asks.
func (c *Client) write(ctx context.Context) {
	for {
		select {
		case f := <-c.frames:
			for len(f) > 0 {
				n, err := c.line.Write(f)
				if err != nil || n == 0 {
					break // the reader finds out, or the question stays without an answer
				}
				f = f[n:]
			}
		case <-c.ended:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (c *Client) read(ctx context.Context) {
	defer close(c.ended)
	var s Scanner
	b := make([]byte, 4096)
	for ctx.Err() == nil {
		n, err := c.line.Read(b)
		for _, e := range s.Push(b[:n]) {
			switch {
			case e.Packet != nil:
				select {
				case c.packets <- e.Packet:
				default: // nobody asks any more
				}
			case e.Line != "" && c.said != nil:
				c.said(e.Line)
			}
		}
		if err != nil {
			return
		}
	}
}

// limits are how long an answer may take: a chip makes an RSA key, a person
// holds a hand before the unit.
var limits = map[Verb]time.Duration{
	Prove: 90 * time.Second, Activate: 90 * time.Second, Test: 60 * time.Second, Look: 30 * time.Second, Solve: 120 * time.Second,
	Forget: 60 * time.Second, UpdateOffer: 60 * time.Second, UpdateBlock: 60 * time.Second,
}

const limit = 20 * time.Second // of everything else

// Ask sends a question and gives the body of its answer. It repeats the
// question until the answer comes, ctx ends, or 20 seconds have passed.
func (c *Client) Ask(ctx context.Context, op Op, group uint16, id uint8, body []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.ask(ctx, op, group, id, body)
}

func (c *Client) ask(ctx context.Context, op Op, group uint16, id uint8, body []byte) ([]byte, error) {
	c.seq++
	h := Header{Op: op, Group: group, Seq: c.seq, ID: id}
	if len(body) > maxBody {
		return nil, fmt.Errorf("prov: ask: body of %d bytes, at most %d", len(body), maxBody)
	}
	frame := AppendFrame(nil, AppendPacket(nil, h, body))
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		select {
		case c.frames <- frame:
		case <-c.ended:
			return nil, ErrGone
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: the line takes nothing: %w", ErrSilent, ctx.Err())
		}
		answer, err := c.await(ctx, h.reply(), pause)
		if answer != nil || err != nil {
			return answer, err
		}
		if frame[0] != '\n' { // ends what the line left half said
			frame = append([]byte{'\n'}, frame...)
		}
	}
}

// await waits for the answer with this header; nil and no error where it does
// not come in time.
func (c *Client) await(ctx context.Context, want Header, pause time.Duration) ([]byte, error) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case p := <-c.packets:
			if h, err := ParseHeader(p); err == nil && h == want {
				return append([]byte{}, p[HeaderSize:]...), nil
			}
		case <-timer.C:
			return nil, nil
		case <-c.ended:
			return nil, ErrGone
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrSilent, ctx.Err())
		}
	}
}

// Status asks what the unit says to anybody.
func (c *Client) Status(ctx context.Context) (Status, error) {
	b, err := c.Ask(ctx, Read, GroupPalm, PalmStatus, []byte{0xa0})
	if err != nil {
		return Status{}, err
	}
	return ParseStatus(b)
}

// Log asks for a part of the unit's log in the clear: ValueLog or ValueCrash.
func (c *Client) Log(ctx context.Context, f Fetch) (Piece, error) {
	b, err := f.Encode()
	if err == nil {
		b, err = c.Ask(ctx, Read, GroupPalm, PalmLog, b)
	}
	if err != nil {
		return Piece{}, err
	}
	return ParsePiece(b)
}

// Reset asks the unit to start again, as other tools ask.
func (c *Client) Reset(ctx context.Context) error {
	b, err := c.Ask(ctx, Write, GroupOS, OSReset, []byte{0xa0})
	if err != nil {
		return err
	}
	return failed(b)
}

// Open begins a session with the unit of this serial number, by the ticket of
// the technician who has this key. A session that was open before ends.
func (c *Client) Open(ctx context.Context, serial string, key link.Static, ticket []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, HandshakeLimit)
	defer cancel()
	c.cable = nil
	cable, err := link.NewCable(true, key, Prologue(serial))
	if err != nil {
		return err
	}
	first, err := cable.Write(nil)
	if err != nil {
		return err
	}
	second, err := c.shake(ctx, 1, first)
	if err != nil {
		return err
	}
	if _, err := cable.Read(second); err != nil {
		return err
	}
	third, err := cable.Write(ticket)
	if err != nil {
		return err
	}
	if _, err := c.shake(ctx, 3, third); err != nil {
		return err
	}
	c.cable = cable
	return nil
}

func (c *Client) shake(ctx context.Context, step uint8, data []byte) ([]byte, error) {
	b, err := Shake{step, data}.Encode()
	if err == nil {
		b, err = c.ask(ctx, Write, GroupPalm, PalmShake, b)
	}
	if err != nil {
		return nil, err
	}
	answer, err := ParseShake(b)
	if err == nil && answer.Step != step+1 {
		err = fmt.Errorf("%w: step %d of the handshake, want %d", ErrForm, answer.Step, step+1)
	}
	return answer.Data, err
}

// Peer is the unit's key in this session; zero without one.
func (c *Client) Peer() (key, binding [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cable == nil {
		return key, binding
	}
	return c.cable.Peer(), c.cable.Binding()
}

// ErrNoSession means that no session is open, or that the unit has ended it.
var ErrNoSession = errors.New("prov: no session")

// Do asks for a verb inside of the session and gives the body of the answer.
// A refusal is a *Failure; any other error ends the session.
func (c *Client) Do(ctx context.Context, verb Verb, body any) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cable == nil {
		return nil, ErrNoSession
	}
	most, ok := limits[verb]
	if !ok {
		most = limit
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	answer, err := c.do(ctx, verb, body)
	if err != nil && !errors.As(err, new(*Failure)) {
		c.cable = nil
		return nil, fmt.Errorf("%v: %w", verb, err)
	}
	return answer, err
}

func (c *Client) do(ctx context.Context, verb Verb, body any) ([]byte, error) {
	r := Request{Verb: verb}
	var err error
	if body != nil {
		if r.Body, err = EncodeBody(body); err != nil {
			return nil, err
		}
	}
	plain, err := r.Encode()
	if err != nil {
		return nil, err
	}
	var question Box
	if question.Number, question.Data, err = c.cable.Seal(plain); err != nil {
		return nil, err
	}
	clear(plain)
	b, err := question.Encode()
	if err == nil {
		b, err = c.ask(ctx, Write, GroupPalm, PalmSealed, b)
	}
	if err != nil {
		return nil, err
	}
	box, err := ParseBox(b)
	if err != nil {
		var refused *Failure
		if errors.As(err, &refused) { // said in the clear: the unit has no such session
			return nil, fmt.Errorf("%w: %s", ErrNoSession, refused.Why)
		}
		return nil, err
	}
	plain, err = c.cable.Unseal(box.Number, box.Data)
	if err != nil {
		return nil, err
	}
	return ParseAnswer(plain)
}

// Call is Do with bodies of known kinds.
func Call[A any](ctx context.Context, c *Client, verb Verb, body any) (A, error) {
	b, err := c.Do(ctx, verb, body)
	if err != nil {
		var none A
		return none, err
	}
	return ParseBody[A](b)
}
