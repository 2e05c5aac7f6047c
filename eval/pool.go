package eval

import (
	"encoding/binary"
	"fmt"

	"volar/enclave/vault/matcher"
	"volar/enclave/vault/search"
	"volar/wire"
)

// A pool is a gallery to search, hand by hand: the palms that are looked for, hidden among fillers.
type pool struct {
	index    map[wire.Hand]*search.Index
	mates    map[string]wire.Person // by palm
	captures map[wire.Hand]int      // enrolled in all
}

func newPool() *pool {
	return &pool{index: map[wire.Hand]*search.Index{}, mates: map[string]wire.Person{}, captures: map[wire.Hand]int{}}
}

func (g *pool) close() {
	for _, x := range g.index {
		x.Close()
	}
}

// person numbers the enrolled.
func person(i int) (p wire.Person) {
	binary.BigEndian.PutUint64(p[8:], uint64(i))
	return p
}

func (g *pool) put(hand wire.Hand, who wire.Person, captures []*matcher.Capture) error {
	if g.index[hand] == nil {
		g.index[hand] = search.New(hand)
	}
	if err := g.index[hand].Put(who, captures); err != nil {
		return fmt.Errorf("eval: enrol: %w", err)
	}
	g.captures[hand] += len(captures)
	return nil
}

// enrol puts the entries' palms, numbered from 0.
func (g *pool) enrol(entries []entry) error {
	for i, e := range entries {
		captures := e.list()
		g.mates[e.palm] = person(i)
		if err := g.put(captures[0].Hand(), person(i), captures); err != nil {
			return err
		}
	}
	return nil
}

// list are an entry's captures alone.
func (e *entry) list() []*matcher.Capture {
	out := make([]*matcher.Capture, len(e.captures))
	for i, c := range e.captures {
		out[i] = c.capture
	}
	return out
}

// fill puts fillers from a number on until each hand has so many palms. A
// filler is a left palm; under the other name it fills up right ones, since both lie in one frame and hands are never compared across sides.
func (g *pool) fill(fillers *Fillers, from, size int) error {
	most := 0
	for hand, x := range g.index {
		if x.Len() > size {
			return fmt.Errorf("eval: %d %v palms to be found, in a gallery of %d", x.Len(), hand, size)
		}
		most = max(most, size-x.Len())
	}
	first := len(g.mates)
	return fillers.Each(from+most, func(i int, template []byte) error {
		if i < from {
			return nil
		}
		for hand, x := range g.index {
			if x.Len() >= size {
				continue
			}
			template[1] = byte(hand) // README.md of matcher, bytes of a template
			c, err := matcher.ParseCapture(template)
			if err != nil {
				return err
			}
			if err := g.put(hand, person(first+i), []*matcher.Capture{c}); err != nil {
				return err
			}
		}
		return nil
	})
}
