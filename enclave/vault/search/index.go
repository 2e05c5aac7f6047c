// Package search finds the palm of a probe among very many: every palm of a gallery is looked at in
// every search, first by a short code, then ever fewer by longer ones, and the last few by the matcher,
// which alone decides. README.md in this folder describes the stages, what they keep and what they cost.
package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
	"volar/enclave/vault/memory"
	"volar/wire"
)

// Limits of an Index.
const (
	MaxCaptures = 8       // of one palm
	MaxPalms    = 1 << 28 // of one hand
)

// An Index is the palms of one hand of many people, one palm a person. It may be
// searched by many goroutines at once, also while palms are put and removed. The
// zero Index refuses: it holds nothing and takes nothing.
type Index struct {
	hand wire.Hand

	mu        sync.RWMutex
	at        map[wire.Person]uint32 // index into palms
	palms     []palm
	glance    *memory.Array // of the coarse codes, in blocks of kernel.Lanes palms
	rest      *memory.Array // the coarse codes' other words, rows of kernel.RestBytes
	fine      *memory.Array // rows of kernel.FineBytes
	templates templates
	chunks    []chunk                    // of glance and rest, in order
	captures  [matcher.BothBands + 1]int // by set of bands

	planFor func(palms int) plan // of a search
}

// A palm is whose it is and where its captures lie.
type palm struct {
	person wire.Person
	n      uint8
	rows   [MaxCaptures]uint32
	sets   [MaxCaptures]matcher.Bands
}

// A chunk is palms whose coarse codes lie side by side in both arrays, which grow in the same steps, from a block on.
type chunk struct {
	first         int
	glances, rest []byte
}

// New makes an empty index of one hand, wire.Left or wire.Right.
func New(hand wire.Hand) *Index {
	if hand != wire.Left && hand != wire.Right {
		return new(Index)
	}
	return &Index{
		hand:      hand,
		at:        map[wire.Person]uint32{},
		glance:    memory.NewArray(kernel.GlanceBlock),
		rest:      memory.NewArray(kernel.RestBytes),
		fine:      memory.NewArray(kernel.FineBytes),
		templates: templates{rows: memory.NewArray(rowBytes)},
		planFor:   planFor,
	}
}

// ErrClosed is what an index answers that was closed or never made.
var ErrClosed = errors.New("search: put: the index is closed")

// Put enrols a person's palm, 1 to MaxCaptures captures of the index's hand, in the
// place of what was known of the person. The captures may be wiped afterwards. After an error nothing has changed.
func (x *Index) Put(person wire.Person, captures []*matcher.Capture) error {
	if len(captures) == 0 || len(captures) > MaxCaptures {
		return fmt.Errorf("search: put: %d captures, want 1 to %d", len(captures), MaxCaptures)
	}
	p := palm{person: person, n: uint8(len(captures))}
	var rows [MaxCaptures][]byte
	defer func() {
		for _, b := range rows {
			clear(b)
		}
	}()
	for i, c := range captures {
		if c.Hand() != x.hand {
			return fmt.Errorf("search: put: capture %d shows hand %d, the index holds hand %d", i, c.Hand(), x.hand)
		}
		b, err := c.MarshalBinary()
		if err != nil {
			return fmt.Errorf("search: put: capture %d: %w", i, err)
		}
		rows[i], p.sets[i] = b, setOf(c)
	}
	code := enrolled(captures)
	defer clear(code[:])

	x.mu.Lock()
	defer x.mu.Unlock()
	if x.at == nil {
		return ErrClosed
	}
	slot, known := x.at[person]
	if !known && len(x.palms) >= MaxPalms {
		return fmt.Errorf("search: put: the index is full with %d palms", MaxPalms)
	}
	if err := x.templates.room(len(captures)); err != nil {
		return err
	}
	if known {
		x.dropCaptures(&x.palms[slot])
	} else {
		if err := x.resize(len(x.palms) + 1); err != nil {
			return err
		}
		slot = uint32(len(x.palms))
		x.palms = append(x.palms, palm{})
		x.at[person] = slot
	}
	for i, b := range rows[:p.n] {
		p.rows[i] = x.templates.put(b)
		x.captures[p.sets[i]]++
	}
	x.palms[slot] = p
	x.setCode(int(slot), &code)
	return nil
}

func setOf(c *matcher.Capture) (s matcher.Bands) {
	if c.Has(wire.RGB) {
		s |= matcher.OnlyRGB
	}
	if c.Has(wire.NIR) {
		s |= matcher.OnlyNIR
	}
	return s
}

// Remove forgets a person and overwrites what was kept. It says whether the person was known.
func (x *Index) Remove(person wire.Person) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	slot, known := x.at[person]
	if !known {
		return false
	}
	x.dropCaptures(&x.palms[slot])
	last := len(x.palms) - 1
	moved := x.palms[last]
	x.palms[slot] = moved
	x.at[moved.person] = slot
	code := x.code(last)
	x.setCode(int(slot), &code)
	clear(code[:])
	x.setCode(last, &code)
	x.palms[last] = palm{}
	x.palms = x.palms[:last]
	delete(x.at, person)
	// Giving memory back cannot fail in a way that leaves a code behind: it was overwritten above.
	_ = x.resize(last)
	return true
}

// Len is the number of palms.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.palms)
}

// Captures parses what is kept of a person's palm; none where the person is
// not known. The caller wipes them.
func (x *Index) Captures(person wire.Person) []*matcher.Capture {
	x.mu.RLock()
	defer x.mu.RUnlock()
	slot, known := x.at[person]
	if !known {
		return nil
	}
	p := &x.palms[slot]
	out := make([]*matcher.Capture, p.n)
	for i := range out {
		c, err := matcher.ParseCapture(x.templates.at(p.rows[i]))
		if err != nil {
			panic(err) // Put wrote it
		}
		out[i] = c
	}
	return out
}

// Bytes is the memory that the index takes outside of the heap.
func (x *Index) Bytes() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.at == nil {
		return 0
	}
	return x.glance.Size() + x.rest.Size() + x.fine.Size() + x.templates.rows.Size()
}

// Close overwrites and gives back everything. The index refuses afterwards.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.at == nil {
		return nil
	}
	err := errors.Join(x.glance.Close(), x.rest.Close(), x.fine.Close(), x.templates.rows.Close())
	x.at, x.palms, x.chunks, x.captures = nil, nil, nil, [matcher.BothBands + 1]int{}
	return err
}

// dropCaptures overwrites the captures of a palm.
func (x *Index) dropCaptures(p *palm) {
	for i := range p.n {
		x.templates.drop(p.rows[i])
		x.captures[p.sets[i]]--
	}
}

// resize makes room for n codes, or gives back what n codes do not need.
func (x *Index) resize(n int) error {
	had := x.fine.Len()
	blocks := (n + kernel.Lanes - 1) / kernel.Lanes
	if err := errors.Join(x.fine.Resize(n), x.rest.Resize(n), x.glance.Resize(blocks)); err != nil {
		err = fmt.Errorf("search: room for %d palms: %w", n, err)
		return errors.Join(err, x.fine.Resize(had), x.rest.Resize(had), x.glance.Resize((had+kernel.Lanes-1)/kernel.Lanes))
	}
	x.chunks = x.chunks[:0]
	for first, b := range x.glance.Chunks() {
		x.chunks = append(x.chunks, chunk{first: first, glances: b})
	}
	i := 0
	for _, b := range x.rest.Chunks() {
		x.chunks[i].rest = b
		i++
	}
	return nil
}

// setCode writes a palm's code in both lengths.
func (x *Index) setCode(slot int, code *[kernel.FineWords]uint64) {
	short := coarse(code)
	kernel.SetGlance(x.glance.At(slot/kernel.Lanes), slot%kernel.Lanes, &short)
	rest, row := x.rest.At(slot), x.fine.At(slot)
	for i, w := range short[kernel.GlanceWords:] {
		binary.LittleEndian.PutUint64(rest[8*i:], w)
	}
	for i, w := range code {
		binary.LittleEndian.PutUint64(row[8*i:], w)
	}
}

// code reads a palm's fine code.
func (x *Index) code(slot int) (code [kernel.FineWords]uint64) {
	row := x.fine.At(slot)
	for i := range code {
		code[i] = binary.LittleEndian.Uint64(row[8*i:])
	}
	return code
}

// comparisons is how many captures share a band with a probe of these bands. The caller holds mu.
func (x *Index) comparisons(set matcher.Bands) (n int) {
	for s, count := range x.captures {
		if matcher.Bands(s)&set != 0 {
			n += count
		}
	}
	return n
}
