package tape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"volar/hal"
)

// Player plays a tape as the camera and as the presence sensor of a device.
// It goes forward only, so the shots of a burst are never mixed with older
// ones.
//
// The tape has no clock: it goes on when it is asked for shots. Whoever uses
// the presence sensor sees waves: after the mark where the hand left, Shoot
// waits until it is cancelled, as a camera that sees nothing more of this
// wave, and Wait goes on to the next. Whoever asks for shots alone sees one
// long row of them.
type Player struct {
	// Passed, where set before the first call, sees every item in its turn. It
	// must not call the Player.
	Passed func(Item)

	mu      sync.Mutex
	tape    *Reader
	next    *Item // looked at, not yet played
	sensed  bool  // the presence sensor is in use
	marked  bool  // the tape has marks, so shots outside of waves are of nobody
	near    bool
	gone    chan struct{} // closed when near becomes false
	skipped int
}

var (
	_ hal.Camera   = (*Player)(nil)
	_ hal.Presence = (*Player)(nil)
)

// Play plays r from where it stands.
func Play(r *Reader) *Player { return &Player{tape: r, gone: make(chan struct{})} }

// Skipped counts the shots that nobody asked for.
func (p *Player) Skipped() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.skipped
}

// Shoot returns the next recorded shot under l, and passes over others. At
// the end of the tape it returns hal.ErrEnd, or ErrTruncated or ErrDamaged
// where the tape ends so.
func (p *Player) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if err := l.Check(); err != nil {
		return hal.Shot{}, err
	}
	if err := ctx.Err(); err != nil {
		return hal.Shot{}, err
	}
	s, err := p.shoot(l)
	if s != nil {
		return *s, nil
	}
	if err == nil { // the hand has gone
		<-ctx.Done()
		err = ctx.Err()
	}
	return hal.Shot{}, err
}

// shoot returns neither shot nor error where the hand has gone.
func (p *Player) shoot(l hal.Light) (*hal.Shot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.sensed || p.near {
		item, err := p.peek()
		if err != nil && p.sensed {
			p.leave()
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		p.pass()
		if item.Shot != nil && item.Shot.Light == l {
			return item.Shot, nil
		}
		if item.Shot != nil {
			p.skipped++
		}
	}
	return nil, nil
}

// Wait for a hand goes forward to the mark where one comes; a tape without
// marks is one wave. After the last wave it returns hal.ErrEnd, and beside it
// ErrTruncated or ErrDamaged where the tape ends so. Wait for its going
// returns when Shoot has passed the mark, or Leave was called.
func (p *Player) Wait(ctx context.Context, near bool) error {
	p.mu.Lock()
	p.sensed = true
	p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if near {
		return p.approach()
	}
	p.mu.Lock()
	is, gone := p.near, p.gone
	p.mu.Unlock()
	if !is {
		return nil
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Player) approach() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.near {
		item, err := p.peek()
		if err != nil && !errors.Is(err, hal.ErrEnd) {
			err = fmt.Errorf("%w: %w", hal.ErrEnd, err)
		}
		if err != nil {
			return err
		}
		if item.Shot != nil && !p.marked {
			p.near = true
			return nil
		}
		p.pass()
		if item.Shot != nil {
			p.skipped++
		}
	}
	return nil
}

// Leave takes the hand away: what is left of the wave is passed over.
func (p *Player) Leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.near {
		item, err := p.peek()
		if err != nil {
			p.leave()
			return
		}
		p.pass()
		if item.Shot != nil {
			p.skipped++
		}
	}
}

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
	if item.Event != nil {
		switch item.Event.Name {
		case EventNear:
			p.near, p.marked = true, true
		case EventGone:
			p.marked = true
			p.leave()
		}
	}
	if p.Passed != nil {
		p.Passed(item)
	}
}

func (p *Player) leave() {
	if p.near {
		p.near = false
		close(p.gone)
		p.gone = make(chan struct{})
	}
}
