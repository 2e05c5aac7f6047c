package vault_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/vault"
	"volar/wire"
	"volar/wire/link"
)

// adversary is a host that does one thing to one frame of one connection.
type adversary struct {
	*host
	op    func(a *adversary, frame []byte) [][]byte
	up    bool // the direction of that frame,
	index int  // and its number in it

	used   bool
	held   []byte
	old    [2][][]byte // an earlier session of the same device: down, up
	beside [2][][]byte // another device's session at the same time
	passed [2][][]byte
}

func side(up bool) int {
	if up {
		return 1
	}
	return 0
}

// pick is the frame of another session in this place, or its last.
func pick(list [][]byte, index int) []byte { return list[min(index, len(list)-1)] }

// The operators. None of them leaves the frame in its place as it was, but delay.
var operators = map[string]func(a *adversary, frame []byte) [][]byte{
	"drop":      func(_ *adversary, f []byte) [][]byte { return nil },
	"duplicate": func(_ *adversary, f []byte) [][]byte { return [][]byte{f, f} },
	"swap":      func(a *adversary, f []byte) [][]byte { a.held = f; return nil },
	"flip": func(_ *adversary, f []byte) [][]byte {
		b := bytes.Clone(f)
		b[len(b)/2] ^= 0x10
		return [][]byte{b}
	},
	"truncate": func(_ *adversary, f []byte) [][]byte { // at the chunk's edge where there is one
		b := bytes.Clone(f)
		if len(b) == wire.MaxFrame16 {
			b[1] = 1
			return [][]byte{b}
		}
		return [][]byte{b[:len(b)-16]}
	},
	"splice": func(a *adversary, f []byte) [][]byte { return [][]byte{pick(a.beside[side(a.up)], a.index)} },
	"replay": func(a *adversary, f []byte) [][]byte { return [][]byte{pick(a.old[side(a.up)], a.index)} },
	"delay":  func(_ *adversary, f []byte) [][]byte { time.Sleep(vault.NonceLife + time.Second); return [][]byte{f} },
}

// pass is what becomes of a frame.
func (a *adversary) pass(up bool, frame []byte) [][]byte {
	list := &a.passed[side(up)]
	*list = append(*list, bytes.Clone(frame))
	if a.held != nil && up == a.up {
		frames := [][]byte{frame, a.held}
		a.held = nil
		return frames
	}
	if a.op == nil || up != a.up || len(*list) != a.index+1 {
		return [][]byte{frame}
	}
	a.used = true
	return a.op(a, frame)
}

// carry serves one connection of a device.
func (a *adversary) carry(t *testing.T) net.Conn {
	near, far := net.Pipe()
	id := a.next.Add(1)
	a.handle(t, wire.Envelope{Session: id, Kind: wire.Open})
	go func() {
		defer a.handle(t, wire.Envelope{Session: id, Kind: wire.Close})
		defer far.Close()
		for {
			frame, err := wire.ReadFrame16(far)
			if err != nil {
				return
			}
			for _, frame := range a.pass(true, frame) {
				back, some := a.handle(t, wire.Envelope{Session: id, Kind: wire.Data, Payload: frame})
				if !some {
					continue
				}
				if back.Kind == wire.Close {
					return
				}
				for _, frame := range a.pass(false, back.Payload) {
					if wire.WriteFrame16(far, frame) != nil {
						return
					}
				}
			}
		}
	}()
	return near
}

// life is what the device does in each run: it recognises one, forgets two,
// and asks for one more challenge. It gives the answers that it got. Without
// skin to see, the frames are the same and the answers are Again.
func life(t *testing.T, s *link.Session, two wire.Person, skin bool) (answers []wire.Answer, ended error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, step := range []struct {
		begin wire.Begin
		palm  uint64
	}{{wire.Begin{Purpose: wire.Identify}, palmOf(1, wire.Left)}, {wire.Begin{Purpose: wire.Delete, Person: two}, palmOf(2, wire.Left)}} {
		m, err := s.Call(ctx, step.begin)
		if err != nil {
			return answers, err
		}
		shown := sample(m.(wire.Challenge).Nonce, wire.Left, step.palm, 4)
		if !skin {
			for _, v := range shown.Views {
				clear(v.Mask)
			}
		}
		if m, err = s.Call(ctx, shown); err != nil {
			return answers, err
		}
		answers = append(answers, m.(wire.Answer))
	}
	_, err := s.Call(ctx, wire.Begin{Purpose: wire.Identify})
	return answers, err
}

// An honest run has these frames: hello, first, third, then for each of two
// waves begin and a sample of two chunks, then a begin; and what answers them.
const (
	framesUp    = 10
	framesDown  = 7
	deleteDone  = 9 // frames up until the vault has what makes it forget
	honestWaves = 2
)

// Whatever a host does to whichever frame: the device sees it, the vault takes
// nothing that was not said to it, and goes on serving others.
func TestAdversarialHost(t *testing.T) {
	m := newMachine()
	var one, two wire.Answer
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, "acme", operatorA).dial(m.start(t))
		one, two = d.enrol(1), d.enrol(2)
		d.Close()
	})
	runs := 0
	for name, op := range operators {
		for _, up := range []bool{true, false} {
			for index := range map[bool]int{true: framesUp, false: framesDown}[up] {
				runs++
				synctest.Test(t, func(t *testing.T) { hostile(t, m.copy(), name, &adversary{op: op, up: up, index: index}, one, two) })
			}
		}
	}
	if want := 8 * (framesUp + framesDown); runs != want {
		t.Errorf("%d runs, want %d", runs, want)
	}
}

func hostile(t *testing.T, m *machine, name string, a *adversary, one, two wire.Answer) {
	h := m.start(t)
	a.host = h
	d := newDevice(t, "acme", operatorA)
	// Two honest sessions to take frames from: of this device before, and of another.
	for _, from := range []struct {
		device *device
		frames *[2][][]byte
	}{{d, &a.old}, {newDevice(t, "acme", operatorA), &a.beside}} {
		honest := &adversary{host: h}
		s, err := link.Dial(context.Background(), honest.carry(t), from.device.conf)
		if err != nil {
			t.Fatal(err)
		}
		answers, err := life(t, s, two.Person, false)
		if err != nil || len(answers) != honestWaves {
			t.Fatalf("an honest session: %v, %v", answers, err)
		}
		*from.frames = honest.passed
		s.Close()
		if up, down := len(honest.passed[1]), len(honest.passed[0]); up != framesUp || down != framesDown {
			t.Fatalf("an honest session has %d frames up and %d down", up, down)
		}
	}
	where := func() string { return name + map[bool]string{true: " up ", false: " down "}[a.up] }
	s, err := link.Dial(context.Background(), a.carry(t), d.conf)
	var answers []wire.Answer
	if err == nil {
		answers, err = life(t, s, two.Person, true)
		s.Close()
	}
	synctest.Wait()
	if !a.used {
		t.Fatalf("%s%d: the host had no chance", where(), a.index)
	}
	last := a.index == map[bool]int{true: framesUp, false: framesDown}[a.up]-1
	harmless := name == "delay" || name == "duplicate" && last // the device has gone before it can see this
	if err == nil && !harmless {
		t.Errorf("%s%d: nobody noticed", where(), a.index)
	}
	for i, answer := range answers {
		honest := []wire.Answer{one, two}[i]
		late := name == "delay" && answer.Status == wire.Again
		if !late && (answer.Status != wire.Accepted || answer.Person != honest.Person) {
			t.Errorf("%s%d: answer %d is %v", where(), a.index, i, answer.Status)
		}
	}
	// Alive, or there would be no answer; and nothing forgotten that it was not told to forget.
	check := newDevice(t, "acme", operatorA).dial(h)
	defer check.Close()
	intact := !a.up || a.index >= deleteDone || name == "delay" || name == "duplicate" && a.index == deleteDone-1
	told := len(a.passed[1]) >= deleteDone && intact
	forgotten := check.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(2, wire.Left), 8).Status == wire.Refused
	if forgotten && !told {
		t.Errorf("%s%d: the vault forgot somebody whom it was not told to forget", where(), a.index)
	}
	if !forgotten && len(answers) == honestWaves && answers[1].Status == wire.Accepted {
		t.Errorf("%s%d: the device was told that somebody is forgotten who is not", where(), a.index)
	}
}

// copy is the same machine at the same moment.
func (m *machine) copy() *machine {
	c := newMachine()
	c.epoch = m.epoch
	for k, v := range m.blobs {
		c.blobs[k] = bytes.Clone(v)
	}
	return c
}
