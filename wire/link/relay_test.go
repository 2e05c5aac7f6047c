package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"volar/wire"
)

// The honest session of these tests: two waves. Frames from the device are hello,
// first, third, then begin, sample, sample, begin, sample, sample.
var (
	asked = []wire.Message{wire.Begin{Purpose: wire.Identify}, sample(1), wire.Begin{Purpose: wire.Enrol}, sample(2)}
	// How many whole messages have passed with frame i.
	upDone   = []int{0, 0, 0, 1, 1, 2, 3, 3, 4}
	downDone = []int{0, 0, 1, 2, 3, 4}
)

// frames are what a session sent, by direction.
type frames struct{ up, down [][]byte }

// operator is what a hostile host does to the i-th frame of a direction:
// it gives the frames to deliver instead. A swap gives none, and the next
// time both.
type operator func(h *host, frame []byte) [][]byte

// host is the man in the middle with one trick.
type host struct {
	old    *frames // of an earlier session of the same device and vault
	seen   frames  // of this one
	up     bool
	index  int
	op     operator
	used   bool
	held   []byte
	honest bool
}

func (h *host) pass(up bool, frame []byte) [][]byte {
	list := &h.seen.down
	if up {
		list = &h.seen.up
	}
	*list = append(*list, bytes.Clone(frame))
	if h.held != nil && up == h.up {
		frames := [][]byte{frame, h.held}
		h.held = nil
		return frames
	}
	if h.honest || up != h.up || len(*list) != h.index+1 {
		return [][]byte{frame}
	}
	h.used = true
	return h.op(h, frame)
}

// past is the frame at this place of the old session.
func (h *host) past() []byte {
	if h.up {
		return h.old.up[h.index]
	}
	return h.old.down[h.index]
}

// rewrite changes a chunk's head.
func rewrite(frame []byte, final byte, total int) []byte {
	b := bytes.Clone(frame)
	b[1] = final
	binary.BigEndian.PutUint32(b[2:], uint32(total))
	return b
}

var operators = map[string]struct {
	op    operator
	after bool // the frame itself passes first
	only  func(up bool, index int) bool
}{
	"drop":         {op: func(h *host, f []byte) [][]byte { return nil }},
	"duplicate":    {op: func(h *host, f []byte) [][]byte { return [][]byte{f, f} }, after: true},
	"swap":         {op: func(h *host, f []byte) [][]byte { h.held = f; return nil }},
	"flip first":   {op: func(h *host, f []byte) [][]byte { return [][]byte{flipped(f, 0)} }},
	"flip middle":  {op: func(h *host, f []byte) [][]byte { return [][]byte{flipped(f, len(f)*4)} }},
	"flip last":    {op: func(h *host, f []byte) [][]byte { return [][]byte{flipped(f, len(f)*8-1)} }},
	"cut a byte":   {op: func(h *host, f []byte) [][]byte { return [][]byte{f[:len(f)-1]} }},
	"add a byte":   {op: func(h *host, f []byte) [][]byte { return [][]byte{append(bytes.Clone(f), 0)} }},
	"only type":    {op: func(h *host, f []byte) [][]byte { return [][]byte{f[:1]} }},
	"split":        {op: func(h *host, f []byte) [][]byte { return [][]byte{f[:len(f)/2], f[len(f)/2:]} }},
	"splice":       {op: func(h *host, f []byte) [][]byte { return [][]byte{h.past()} }},
	"replay":       {op: func(h *host, f []byte) [][]byte { return [][]byte{f, h.past()} }, after: true},
	"replay ahead": {op: func(h *host, f []byte) [][]byte { return [][]byte{h.past(), f} }},
	"again the frame before": {op: func(h *host, f []byte) [][]byte {
		return [][]byte{slices.Concat(h.seen.up, h.seen.down)[max(0, h.index-1)], f}
	}},
	"reflect": {op: func(h *host, f []byte) [][]byte {
		if h.up && len(h.seen.down) > 0 {
			return [][]byte{h.seen.down[len(h.seen.down)-1]}
		}
		return [][]byte{h.seen.up[len(h.seen.up)-1]}
	}, only: func(up bool, index int) bool { return !up || index > 0 }},
	"truncate at the chunk edge": {op: func(h *host, f []byte) [][]byte {
		return [][]byte{rewrite(f, 1, MaxChunk)}
	}, only: firstChunk},
	"final too early": {op: func(h *host, f []byte) [][]byte {
		return [][]byte{rewrite(f, 1, int(binary.BigEndian.Uint32(f[2:])))}
	}, only: firstChunk},
	"longer total": {op: func(h *host, f []byte) [][]byte {
		return [][]byte{rewrite(f, f[1], int(binary.BigEndian.Uint32(f[2:]))+1)}
	}, only: anyChunk},
	"never final": {op: func(h *host, f []byte) [][]byte { return [][]byte{rewrite(f, 0, wire.MaxMessage)} }, only: anyChunk},
	"largest":     {op: func(h *host, f []byte) [][]byte { return [][]byte{rewrite(f, f[1], 1<<32-1)} }, only: anyChunk},
	"final 2":     {op: func(h *host, f []byte) [][]byte { b := bytes.Clone(f); b[1] = 2; return [][]byte{b} }, only: anyChunk},
	"the other way": {op: func(h *host, f []byte) [][]byte { // a chunk up becomes one down and the reverse
		b := bytes.Clone(f)
		b[0] ^= frameUp ^ frameDown
		return [][]byte{b}
	}, only: anyChunk},
	"too late": {op: func(h *host, f []byte) [][]byte { time.Sleep(StopAfter); return [][]byte{f} }},
}

func firstChunk(up bool, index int) bool { return up && (index == 4 || index == 7) }
func anyChunk(up bool, index int) bool   { return up && index >= 3 || !up && index >= 2 }

// session runs two waves through a host. It gives what the vault accepted
// and how many answers the device did.
func (h *host) session(t *testing.T, w *world) (accepted []string, answers int) {
	near, far := net.Pipe()
	v := &vaultSide{Responder: w.responder(t)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		for {
			frame, err := wire.ReadFrame16(far)
			if err != nil {
				return
			}
			for _, frame := range h.pass(true, frame) {
				reply, err := v.handle(frame)
				if err != nil {
					return
				}
				if reply == nil {
					continue
				}
				for _, reply := range h.pass(false, reply) {
					if wire.WriteFrame16(far, reply) != nil {
						return
					}
				}
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if s, err := Dial(ctx, near, w.client()); err == nil {
		for _, m := range asked {
			got, err := s.Call(ctx, m)
			if err != nil {
				break
			}
			if got != answerTo(m) {
				t.Errorf("the device accepted %v", got)
			}
			answers++
		}
		s.Close()
	}
	<-done
	return v.accepted, answers
}

// A hostile host does one thing to one frame, every thing to every frame.
// Neither side ever accepts what the other did not send, twice, out of order, or
// after the change.
func TestHostileHost(t *testing.T) {
	w := newWorld(t)
	var honest []string
	for _, m := range asked {
		honest = append(honest, name(m))
	}
	first := &host{honest: true}
	if accepted, answers := first.session(t, w); !slices.Equal(accepted, honest) || answers != len(asked) {
		t.Fatalf("an honest host: %q, %d answers", accepted, answers)
	}
	if len(first.seen.up) != len(upDone) || len(first.seen.down) != len(downDone) {
		t.Fatalf("%d frames up, %d down", len(first.seen.up), len(first.seen.down))
	}
	runs := 0
	try := func(operation string, up bool, index int) {
		o := operators[operation]
		if o.only != nil && !o.only(up, index) {
			return
		}
		runs++
		synctest.Test(t, func(t *testing.T) {
			h := &host{old: &first.seen, up: up, index: index, op: o.op}
			accepted, answers := h.session(t, w)
			if !h.used {
				t.Fatalf("%s, up %v, frame %d: the host had no chance", operation, up, index)
			}
			last := index - 1 // the last frame that passed as it was
			if o.after {
				last = index
			}
			mostUp, mostDown := len(asked), done(downDone, last)
			if up {
				mostUp = done(upDone, last)
				mostDown = mostUp
			}
			if len(accepted) > mostUp || answers > mostDown || !slices.Equal(accepted, honest[:len(accepted)]) {
				t.Errorf("%s, up %v, frame %d: the vault accepted %q of at most %d, the device %d answers of at most %d",
					operation, up, index, accepted, mostUp, answers, mostDown)
			}
		})
	}
	for operation := range operators {
		for index := range upDone {
			try(operation, true, index)
		}
		for index := range downDone {
			try(operation, false, index)
		}
	}
	if runs != 293 {
		t.Errorf("%d runs, want %d", runs, 293)
	}
}

// done is how many messages had passed with frame last, -1 for none.
func done(list []int, last int) int {
	if last < 0 || last >= len(list) {
		return 0
	}
	return list[last]
}

// The control: a host that is only slow loses nothing.
func TestSlowHost(t *testing.T) {
	w := newWorld(t)
	for index := range upDone {
		synctest.Test(t, func(t *testing.T) {
			h := &host{up: true, index: index, op: func(_ *host, f []byte) [][]byte { time.Sleep(20 * time.Second); return [][]byte{f} }}
			if accepted, answers := h.session(t, w); len(accepted) != len(asked) || answers != len(asked) {
				t.Errorf("frame %d: %q, %d answers", index, accepted, answers)
			}
		})
	}
}
