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
	ahead   []Item // looked at, not yet played
	after   error  // what reading gave behind them
	sensed  bool   // the presence sensor is in use
	marked  bool   // the tape has marks, so shots outside of waves are of nobody
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
		shot := item.Shot
		p.pass()
		if shot != nil && shot.Light == l {
			return shot, nil
		}
		if shot != nil {
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
		shot := item.Shot
		p.pass()
		if shot != nil {
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
		shot := item.Shot
		p.pass()
		if shot != nil {
			p.skipped++
		}
	}
}

// maxAhead bounds how far Ahead looks: some seconds of a tape.
const maxAhead = 400

// Ahead looks at what is still to come of the wave, in its turn, until see
// says that it has found what it looks for. Nothing is passed over.
func (p *Player) Ahead(see func(Item) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 0; i < maxAhead && p.look(i); i++ {
		if see(p.ahead[i]) {
			return true
		}
		if e := p.ahead[i].Event; e != nil && e.Name == EventGone {
			return false
		}
	}
	return false
}

// look tells whether there is an item i places ahead, after reading up to it.
func (p *Player) look(i int) bool {
	for len(p.ahead) <= i && p.after == nil {
		item, err := p.tape.Next()
		if err == nil {
			p.ahead = append(p.ahead, item)
		} else if p.after = err; err == io.EOF {
			p.after = hal.ErrEnd
		}
	}
	return i < len(p.ahead)
}

func (p *Player) peek() (*Item, error) {
	if !p.look(0) {
		return nil, p.after
	}
	return &p.ahead[0], nil
}

// pass plays the item that was looked at.
func (p *Player) pass() {
	item := p.ahead[0]
	p.ahead[0] = Item{}
	p.ahead = p.ahead[1:]
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
