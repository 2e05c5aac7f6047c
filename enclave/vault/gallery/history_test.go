package gallery_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"volar/enclave/vault/gallery"
	"volar/wire"
)

// query and reply are one operation of a history on one person.
type query struct {
	op     byte // 'e'nrol or update, 'd'elete, 'i'dentify
	person byte
	text   string
}

type reply struct {
	text string // identify: what is known, "" nobody. delete: "unknown" if there was nobody
}

// register is the sequential gallery of one person.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[byte][]porcupine.Operation{}
		for _, o := range history {
			p := o.Input.(query).person
			by[p] = append(by[p], o)
		}
		var list [][]porcupine.Operation
		for _, h := range by {
			list = append(list, h)
		}
		return list
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(query), output.(reply)
		switch in.op {
		case 'e':
			return true, in.text
		case 'd':
			return out.text == "unknown" && state.(string) == "" || out.text != "unknown" && state.(string) != "", ""
		default:
			return out.text == state.(string), state
		}
	},
}

// desk is what a vault keeps beside its gallery: who is compared with. It is
// changed after the commit and before the acknowledgement, as the vault does.
type desk struct {
	mu     sync.Mutex
	people map[byte]string
	busy   [4]sync.Mutex // one change of a person at a time
}

// TestHistoriesAreLinearizable: many devices enrol, delete and identify at
// the same time, the vault restarts in between, and there is one order of all
// of it that explains every answer.
func TestHistoriesAreLinearizable(t *testing.T) {
	for seed := range uint64(12) {
		history := play5(t, seed)
		if r := porcupine.CheckOperationsTimeout(register, history, 20*time.Second); r != porcupine.Ok {
			t.Errorf("seed %d: %v with %d operations", seed, r, len(history))
		}
	}
}

// A history in which a deletion is acknowledged and the person is found
// afterwards must not pass: the check above can fail.
func TestLinearizabilityCanFail(t *testing.T) {
	at := func(i int64, in query, out reply) porcupine.Operation {
		return porcupine.Operation{ClientId: int(i), Input: in, Output: out, Call: 10 * i, Return: 10*i + 5}
	}
	bad := []porcupine.Operation{at(0, query{'e', 1, "x"}, reply{}), at(1, query{'d', 1, ""}, reply{}), at(2, query{'i', 1, ""}, reply{text: "x"})}
	if porcupine.CheckOperations(register, bad) {
		t.Error("a person who comes back passes")
	}
	if !porcupine.CheckOperations(register, bad[:2]) {
		t.Error("an honest history does not pass")
	}
}

// play5 plays three lives of a vault with five devices and gives what was asked and answered.
func play5(t *testing.T, seed uint64) []porcupine.Operation {
	m := newMachine(t)
	var mu sync.Mutex
	var history []porcupine.Operation
	var clock atomic.Int64
	note := func(client int, in query, do func() reply) {
		call := clock.Add(1)
		out := do()
		end := clock.Add(1)
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: end})
	}
	for life := range 3 {
		g, restored, err := m.openWith(gallery.Options{Tenants: []gallery.Tenant{acme}, Wait: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{people: map[byte]string{}}
		for p := range byte(4) {
			if text := restored[who("acme", p)]; text != "" {
				d.people[p] = text
			}
		}
		var devices sync.WaitGroup
		for client := range 5 {
			rng := rand.New(rand.NewPCG(seed, uint64(10*life+client)))
			devices.Go(func() {
				for range 8 {
					in := query{"eedii"[rng.IntN(5)], byte(rng.IntN(4)), string('a' + rune(rng.IntN(26)))}
					note(client, in, func() reply { return d.serve(g, in) })
				}
			})
		}
		devices.Wait()
	}
	return history
}

func (d *desk) serve(g *gallery.Gallery, in query) reply {
	if in.op == 'i' {
		d.mu.Lock()
		defer d.mu.Unlock()
		return reply{text: d.people[in.person]}
	}
	d.busy[in.person].Lock()
	defer d.busy[in.person].Unlock()
	if in.op == 'e' {
		if err := g.Put(ctx, "acme", record(in.person, in.text)); err != nil {
			panic(err) // nothing fails here
		}
	} else if _, err := g.Delete(ctx, "acme", wire.Person{in.person, 1}); err != nil {
		return reply{text: "unknown"}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if in.op == 'e' {
		d.people[in.person] = in.text
	} else {
		delete(d.people, in.person)
	}
	return reply{}
}
