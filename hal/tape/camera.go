package tape

import (
	"context"
	"errors"
	"io"
	"time"

	"volar/hal"
)

// Recorder is a camera that writes every shot of another one to a tape.
type Recorder struct {
	camera hal.Camera
	tape   *Writer
}

var _ hal.Camera = (*Recorder)(nil)

// Record wraps camera. The tape is the caller's to close, after the last Shoot.
func Record(camera hal.Camera, tape *Writer) *Recorder {
	return &Recorder{camera, tape}
}

// Shoot passes the shot through. What cannot be written is an error: a tape
// with silent gaps would prove nothing. A shot that the camera should not
// have given (half of one, say) is passed on unwritten: refusing it is the
// caller's business, not the recorder's.
func (r *Recorder) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s, err := r.camera.Shoot(ctx, l)
	if err != nil || s.Check() != nil {
		return s, err
	}
	if err := r.tape.Shot(&s); err != nil {
		return hal.Shot{}, err
	}
	return s, nil
}

// Player plays a tape as the camera and the presence sensor of a device. It
// goes forward only, so the shots of a burst are never mixed with older ones.
// It is for one goroutine.
type Player struct {
	tape *Reader
	next *Item // looked at, not yet played
	near bool
	at   time.Duration

	// Passed, where set, sees every item in its turn; Skipped counts the shots
	// that nobody asked for.
	Passed  func(Item)
	Skipped int
}

var (
	_ hal.Camera   = (*Player)(nil)
	_ hal.Presence = (*Player)(nil)
)

// Play plays r from where it stands.
func Play(r *Reader) *Player { return &Player{tape: r} }

// Shoot returns the next recorded shot under l, and passes over others. At
// the end of the tape, and at the mark where the hand left, it returns
// hal.ErrEnd; for a tape that ends too early, ErrTruncated.
func (p *Player) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if err := l.Check(); err != nil {
		return hal.Shot{}, err
	}
	for {
		if err := ctx.Err(); err != nil {
			return hal.Shot{}, err
		}
		item, err := p.peek()
		if err != nil {
			return hal.Shot{}, err
		}
		if item.Event != nil && item.Event.Name == EventGone {
			return hal.Shot{}, hal.ErrEnd // stays there until Wait passes it
		}
		p.pass()
		switch {
		case item.Shot == nil:
		case item.Shot.Light == l:
			return *item.Shot, nil
		default:
			p.Skipped++
		}
	}
}

// Wait goes forward to the mark where a hand came, or left. A tape without
// marks is one wave.
func (p *Player) Wait(ctx context.Context, near bool) error {
	for p.near != near {
		if err := ctx.Err(); err != nil {
			return err
		}
		item, err := p.peek()
		if errors.Is(err, hal.ErrEnd) && !near {
			p.near = false // the tape is over, so is the wave
			return nil
		}
		if err != nil {
			return err
		}
		if near && item.Shot != nil {
			p.near = true // no mark, but a hand was filmed
			return nil
		}
		p.pass()
		if item.Shot != nil {
			p.Skipped++
		}
	}
	return ctx.Err()
}

// Now is the time on the tape, since the boot of the device that made it.
func (p *Player) Now() time.Duration { return p.at }

func (p *Player) peek() (*Item, error) {
	if p.next == nil {
		item, err := p.tape.Next()
		if err == io.EOF {
			return nil, hal.ErrEnd
		}
		if err != nil {
			return nil, err
		}
		p.next = &item
	}
	return p.next, nil
}

// pass plays the item that was looked at.
func (p *Player) pass() {
	item := *p.next
	p.next = nil
	switch {
	case item.Shot != nil:
		p.at = max(p.at, item.Shot.RGB.At, item.Shot.NIR.At)
	case item.Event != nil:
		p.at = max(p.at, item.Event.At)
		switch item.Event.Name {
		case EventNear:
			p.near = true
		case EventGone:
			p.near = false
		}
	case item.Decision != nil:
		p.at = max(p.at, item.Decision.At)
	}
	if p.Passed != nil {
		p.Passed(item)
	}
}
