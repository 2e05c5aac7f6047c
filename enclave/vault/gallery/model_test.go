package gallery

import "fmt"

// This file is a model of the commit protocol, small enough that every state
// of it can be looked at: one counter, a host that keeps every head that it
// was ever given and offers whichever it likes, a disk that loses what was not
// synced, crashes at any point, and two vaults that may run at once. Rules that
// are switched off one by one must each let a fault be found, or the model
// would say nothing about the rule.

// rules are the protocol, each as a switch.
type rules struct {
	settle2       bool // a start passes over one epoch and goes on at the next
	settle1       bool // a start moves on by one epoch alone
	sync          bool // heads are on disk before the counter moves
	ackAfter      bool // a change is acknowledged after the counter has moved
	settleAfter   bool // a change that failed is followed by settling
	checkedCommit bool // the counter moves from one value to the next alone
	lastStart     bool // and only for the vault that was started last
	limit         bounds
	ahead         bool // not a rule: settling seals both heads before the counter moves
}

var protocol = rules{settle2: true, sync: true, ackAfter: true, settleAfter: true, checkedCommit: true, lastStart: true}

// bounds are how far a search goes.
type bounds struct {
	ops    uint8 // of changes
	starts uint8 // of vaults: one more than there are crashes and second vaults
}

const (
	modelEpochs = 14
	modelOps    = 3
)

// content is who is enrolled: a bit a person. heads are contents, a bit each.
type content uint8

// changes are what is asked for, in this order: 0 comes, 1 comes, 0 is deleted.
var changes = [modelOps]struct {
	person uint8
	comes  bool
}{{0, true}, {1, true}, {0, false}}

func (c content) after(op uint8) content {
	if ch := changes[op]; ch.comes {
		return c | 1<<ch.person
	} else {
		return c &^ (1 << ch.person)
	}
}

// What a vault does next.
const (
	off uint8 = iota
	reading
	writing1 // settling: a head of the gallery as it is, its sync, a step of the counter, and once more
	syncing1
	moving1
	writing2
	syncing2
	moving2
	ready
	opWriting
	opSyncing
	opMoving
	opTelling
	failing // a change failed: settling comes before the next one
)

// process is one vault.
type process struct {
	phase uint8
	epoch uint8
	is    content // of its gallery
	next  content // while a change is under way
	op    uint8
}

// world is a state of everything.
type world struct {
	counter uint8
	written [modelEpochs]uint8 // contents of the heads that the host has, for each epoch
	synced  [modelEpochs]uint8 // those that a power cut leaves
	vaults  [2]process
	may     [2]uint8 // what each person may be by what was told: 1 absent, 2 present
	ops     uint8    // that have begun
	starts  uint8
	last    uint8 // the vault that was started last
}

// wrong says what is wrong with a state: a head that opens now and denies
// something that was told, or no head that a power cut would leave.
func (w world) wrong() string {
	if w.counter == 0 {
		return ""
	}
	for c := content(0); c < 4; c++ {
		if w.written[w.counter]>>c&1 == 0 {
			continue
		}
		for p := range w.may {
			if present := uint8(c) >> p & 1; w.may[p]>>present&1 == 0 {
				return fmt.Sprintf("at epoch %d a head opens in which person %d is otherwise than was told", w.counter, p)
			}
		}
	}
	if w.synced[w.counter] == 0 {
		return fmt.Sprintf("a power cut leaves no head for epoch %d", w.counter)
	}
	return ""
}

// next lists the states that may follow.
func (w world) next(r rules) (list []world) {
	for i := range w.vaults {
		list = append(list, w.steps(r, i)...)
		if w.vaults[i].phase != off { // a crash
			n := w
			n.vaults[i] = process{}
			list = append(list, n)
		}
	}
	return list
}

// commit moves the counter for a vault, or ends it: it has been overtaken.
func (w *world) commit(r rules, i int) bool {
	v := &w.vaults[i]
	if r.checkedCommit && w.counter != v.epoch || r.lastStart && int(w.last) != i || w.counter+1 >= modelEpochs {
		*v = process{}
		return false
	}
	w.written[w.counter], w.synced[w.counter] = 0, 0 // never opens again: states that differ in it alone are one
	w.counter++
	v.epoch = w.counter
	return true
}

// seal makes a head for the epoch after the vault's and gives it to the host.
// A vault that has been overtaken may still do so.
func (w *world) seal(i int, c content) {
	w.write(w.vaults[i].epoch+1, c, false)
}

func (w *world) write(epoch uint8, c content, synced bool) {
	w.written[epoch] |= 1 << c
	if synced {
		w.synced[epoch] |= 1 << c
	}
}

// steps are what vault i may do next.
func (w world) steps(r rules, i int) (list []world) {
	n := w
	v := &n.vaults[i]
	if v.epoch+2 >= modelEpochs {
		return nil
	}
	go1 := func() []world { v.phase++; return []world{n} }
	switch v.phase {
	case off:
		if w.starts < r.limit.starts {
			n.starts++
			n.last = uint8(i)
			*v = process{phase: reading, epoch: w.counter}
			return []world{n}
		}
		return nil
	case reading: // the host offers any head that opens now
		v.phase = writing1
		if !r.settle2 && !r.settle1 {
			v.phase = ready
		}
		if w.counter != v.epoch {
			return nil
		}
		if w.counter == 0 {
			return []world{n}
		}
		for c := content(0); c < 4; c++ {
			if w.written[w.counter]>>c&1 == 1 {
				m := n
				m.vaults[i].is = c
				if v.phase == ready {
					m.observe(c)
				}
				list = append(list, m)
			}
		}
		return list
	case writing1, writing2:
		n.seal(i, v.is)
		if r.ahead && v.phase == writing1 {
			n.write(v.epoch+2, v.is, false)
		}
		return go1()
	case syncing1, syncing2:
		n.write(v.epoch+1, v.is, r.sync)
		if r.settle1 {
			v.phase = moving2
			return []world{n}
		}
		return go1()
	case moving1, moving2:
		if !n.commit(r, i) {
			return []world{n}
		}
		if v.phase == moving2 {
			n.observe(v.is)
		}
		return go1()
	case failing:
		v.phase = writing1
		if !r.settleAfter {
			v.phase = ready
		}
		return []world{n}
	}
	return w.change(r, i)
}

// change is the steps of a change.
func (w world) change(r rules, i int) []world {
	n := w
	v := &n.vaults[i]
	switch v.phase {
	case ready:
		if w.ops >= r.limit.ops {
			return nil
		}
		n.ops++
		v.op, v.next, v.phase = w.ops, v.is.after(w.ops), opWriting
		n.tried(v.op)
		return []world{n}
	case opWriting: // the host has it, whether it says so or not
		n.seal(i, v.next)
		refused := n
		refused.vaults[i].phase = failing
		v.phase = opSyncing
		return []world{n, refused}
	case opSyncing:
		n.write(v.epoch+1, v.next, r.sync)
		v.phase = opMoving
		if !r.ackAfter {
			n.told(v.op)
		}
		return []world{n}
	case opMoving:
		if !n.commit(r, i) {
			return []world{n}
		}
		v.is, v.phase = v.next, opTelling
		return []world{n}
	}
	if r.ackAfter { // opTelling
		n.told(v.op)
	}
	v.phase = ready
	return []world{n}
}

// tried: from now on the change may have been made.
func (w *world) tried(op uint8) { w.may[changes[op].person] |= bit(changes[op].comes) }

// told: it has been, unless a later change of the same person has begun since.
func (w *world) told(op uint8) {
	for later := op + 1; later < w.ops; later++ {
		if changes[later].person == changes[op].person {
			return
		}
	}
	w.may[changes[op].person] = bit(changes[op].comes)
}

// observe: a vault that serves shows what it has, and it must stay so.
func (w *world) observe(c content) {
	for p := range w.may {
		w.may[p] = bit(c>>p&1 == 1)
	}
}

func bit(present bool) uint8 {
	if present {
		return 2
	}
	return 1
}
