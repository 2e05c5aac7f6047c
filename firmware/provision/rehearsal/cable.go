package rehearsal

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// Faults are what a line does to bytes, each once in so many; 0 is never.
type Faults struct {
	Drop, Flip, Double, Text int
	Rate                     int // bits a second, 10 a byte; 0: at once
	CutAfter                 int // bytes of both directions until the cable is pulled; 0: never
}

// Cable is a serial line between a bench and a unit. Reads wait; writes take
// as long as the rate says.
type Cable struct {
	Bench, Unit io.ReadWriteCloser

	mu     sync.Mutex
	woken  *sync.Cond
	rng    *rand.Rand
	faults Faults
	passed int
	pulled bool
	queue  [2][]byte // to the bench, to the unit
	heard  [2][]byte // all that came over it, likewise
}

// NewCable plugs a cable in.
func NewCable(seed uint64, f Faults) *Cable {
	c := &Cable{rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), faults: f}
	c.woken = sync.NewCond(&c.mu)
	c.Bench, c.Unit = &end{c, 0}, &end{c, 1}
	return c
}

// Pull pulls the cable out.
func (c *Cable) Pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = true
	c.woken.Broadcast()
}

// Passed is how many bytes went either way.
func (c *Cable) Passed() int { c.mu.Lock(); defer c.mu.Unlock(); return c.passed }

// Heard is all that came over the line to the bench, and to the unit.
func (c *Cable) Heard() (toBench, toUnit []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard[0], c.heard[1]
}

// Inject puts bytes on the line to the unit, as somebody who holds it does.
func (c *Cable) Inject(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue[1] = append(c.queue[1], b...)
	c.woken.Broadcast()
}

// most bounds what waits in a direction: more is lost, as in a UART.
const most = 64 << 10

// carry takes one byte over the line. The mutex is held.
func (c *Cable) carry(to int, b byte) {
	hit := func(once int) bool { return once > 0 && c.rng.IntN(once) == 0 }
	f := &c.faults
	if c.passed++; f.CutAfter > 0 && c.passed >= f.CutAfter {
		c.pulled = true
	}
	switch {
	case c.pulled, hit(f.Drop), len(c.queue[to]) > most:
		return
	case hit(f.Flip):
		b ^= 1 << c.rng.IntN(8)
	case hit(f.Double):
		c.queue[to] = append(c.queue[to], b)
	case hit(f.Text):
		c.queue[to] = append(c.queue[to], "\r\n[   41.770] usb 1-1: reset\r\n"...)
	}
	c.queue[to] = append(c.queue[to], b)
	c.heard[to] = append(c.heard[to], b)
}

// end is one end of a cable.
type end struct {
	c *Cable
	i int // its queue
}

func (e *end) Read(b []byte) (int, error) {
	c := e.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue[e.i]) == 0 {
		if c.pulled {
			return 0, io.EOF
		}
		c.woken.Wait()
	}
	n := copy(b, c.queue[e.i])
	c.queue[e.i] = c.queue[e.i][n:]
	return n, nil
}

func (e *end) Write(b []byte) (int, error) {
	c := e.c
	const slice = 64
	for i := 0; i < len(b); i += slice {
		part := b[i:min(i+slice, len(b))]
		if c.faults.Rate > 0 {
			time.Sleep(time.Duration(len(part)) * 10 * time.Second / time.Duration(c.faults.Rate))
		}
		c.mu.Lock()
		if c.pulled {
			c.mu.Unlock()
			return i, io.ErrClosedPipe
		}
		for _, v := range part {
			c.carry(1-e.i, v)
		}
		c.woken.Broadcast()
		c.mu.Unlock()
	}
	return len(b), nil
}

func (e *end) Close() error { e.c.Pull(); return nil }
