package search

import (
	"sync/atomic"
	"testing"
)

// Every item is worked on once, and no lane is two at a time.
func TestTeam(t *testing.T) {
	var m team
	m.init()
	for n := range 200 {
		done := make([]atomic.Int32, n)
		busy := make([]atomic.Int32, lanes())
		m.run(func(lane int) {
			if busy[lane].Add(1) != 1 {
				t.Error("two in one lane")
			}
			for {
				i, ok := m.take(n)
				if !ok {
					break
				}
				done[i].Add(1)
			}
		})
		for i := range done {
			if done[i].Load() != 1 {
				t.Fatalf("item %d of %d was done %d times", i, n, done[i].Load())
			}
		}
	}
}

// A fault ends the stage where it was begun, whoever's it is, and the team goes on.
func TestTeamFault(t *testing.T) {
	var m team
	m.init()
	for lane := range lanes() {
		func() {
			defer func() {
				if recover() != "bad" {
					t.Errorf("lane %d: its fault is lost", lane)
				}
			}()
			m.run(func(at int) {
				if at == lane {
					panic("bad")
				}
			})
		}()
	}
	m.run(func(int) {})
}
