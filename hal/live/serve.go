// Package live brings the shots of a simulator to a device that cannot render
// them itself: a device program in an emulated machine asks, over one TCP
// connection, for shots, for a hand and for orders, and tells what its face
// shows and how waves end. It is for development: a board whose cameras are
// live has none.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"volar/hal"
)

// Stage is what a device is shown. All but the funcs are needed; they are
// called from several goroutines.
type Stage struct {
	Calibration hal.Calibration
	Camera      hal.Camera
	Presence    hal.Presence
	Next        func(context.Context) (Order, error) // what the hand that is there came for; nil always identifies
	Decided     func(Outcome)                        // how a wave ended; may be nil
	Cue         func(hal.Cue)                        // what the face shows now; may be nil
}

// server is one connection.
type server struct {
	stage   Stage
	conn    net.Conn
	sending sync.Mutex
	mu      sync.Mutex
	open    map[uint32]context.CancelFunc // requests under way
	ended   sync.WaitGroup
}

// maxOpen is how many requests may be under way: a device has a camera, a
// presence sensor and a till.
const maxOpen = 16

// Serve answers one device until it closes the connection or ctx ends.
func Serve(ctx context.Context, conn net.Conn, stage Stage) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{stage: stage, conn: conn, open: map[uint32]context.CancelFunc{}}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		cancel()
		stop()
		conn.Close()
		s.ended.Wait()
	}()
	for {
		m, err := readMessage(conn)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("live: read from the device: %w", err)
		}
		if err := s.handle(ctx, m); err != nil {
			return err
		}
	}
}

// handle begins a request, or takes what needs no answer.
func (s *server) handle(ctx context.Context, m message) error {
	switch m.kind {
	case kindCancel:
		s.mu.Lock()
		if stop, ok := s.open[m.number]; ok {
			stop()
		}
		s.mu.Unlock()
		return nil
	case kindDecided:
		o, err := decodeOutcome(m.body)
		if err == nil && s.stage.Decided != nil {
			s.stage.Decided(o)
		}
		return err
	case kindCue:
		if len(m.body) != 1 {
			return errors.New("live: cue of a wrong length")
		}
		if s.stage.Cue != nil {
			s.stage.Cue(hal.Cue(m.body[0]))
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[m.number]; ok || len(s.open) >= maxOpen {
		cancel()
		return fmt.Errorf("live: request %d is under way already, or %d others are", m.number, maxOpen)
	}
	s.open[m.number] = cancel
	s.ended.Go(func() {
		body, err := s.answer(ctx, m)
		s.mu.Lock()
		delete(s.open, m.number)
		s.mu.Unlock()
		cancel()
		reply := message{m.number, m.kind, body}
		if err != nil {
			reply.kind, reply.body = kindError, encodeError(err)
		}
		s.sending.Lock()
		defer s.sending.Unlock()
		_ = reply.write(s.conn) // a device that has gone ends Serve
	})
	return nil
}

func (s *server) answer(ctx context.Context, m message) ([]byte, error) {
	f := fields{m.body, true}
	switch m.kind {
	case kindHello:
		return json.Marshal(s.stage.Calibration)
	case kindShoot:
		l := hal.Light(f.u16())
		if err := f.end("request"); err != nil {
			return nil, err
		}
		shot, err := s.stage.Camera.Shoot(ctx, l)
		if err != nil {
			return nil, err
		}
		return encodeShot(&shot), nil
	case kindWait:
		near := f.u8() == 1
		if err := f.end("request"); err != nil {
			return nil, err
		}
		return nil, s.stage.Presence.Wait(ctx, near)
	case kindNext:
		o := Order{Purpose: "identify"}
		if s.stage.Next != nil {
			var err error
			if o, err = s.stage.Next(ctx); err != nil {
				return nil, err
			}
		}
		return o.encode(), nil
	}
	return nil, fmt.Errorf("unknown request %d", m.kind)
}
