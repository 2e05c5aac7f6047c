package gallery

import "testing"

// search looks at every state and gives the first fault, with how many states it saw.
func search(r rules, most int) (fault string, states int) {
	first := world{may: [2]uint8{1, 1}}
	seen := map[world]bool{first: true}
	for queue := []world{first}; len(queue) > 0; {
		w := queue[0]
		queue = queue[1:]
		for _, n := range w.next(r) {
			if seen[n] {
				continue
			}
			seen[n] = true
			if f := n.wrong(); f != "" {
				return f, len(seen)
			}
			if len(seen) >= most {
				return "", len(seen)
			}
			queue = append(queue, n)
		}
	}
	return "", len(seen)
}

// The protocol has no fault, in any state within the bounds.
func TestProtocolModel(t *testing.T) {
	for _, limit := range []bounds{{modelOps, 3}, {1, 4}} {
		const most = 4_000_000
		r := protocol
		r.limit = limit
		fault, states := search(r, most)
		if fault != "" {
			t.Fatal(fault)
		}
		if states < 100_000 || states >= most {
			t.Errorf("%+v: %d states: too few to mean anything, or not all of them", limit, states)
		}
		t.Logf("%d changes, %d starts: %d states", limit.ops, limit.starts, states)
	}
}

// Without any one of its rules it has one.
func TestProtocolModelCanFail(t *testing.T) {
	for name, change := range map[string]func(*rules){
		"no settling at a start":             func(r *rules) { r.settle2 = false },
		"settling by one epoch":              func(r *rules) { r.settle2, r.settle1 = false, true },
		"no sync before the counter":         func(r *rules) { r.sync = false },
		"told before the counter has moved":  func(r *rules) { r.ackAfter = false },
		"no settling after a failure":        func(r *rules) { r.settleAfter = false },
		"a counter that moves from anywhere": func(r *rules) { r.checkedCommit, r.lastStart = false, false },
		"a counter that earlier vaults move": func(r *rules) { r.lastStart = false },
		"settling that seals two ahead":      func(r *rules) { r.ahead = true },
	} {
		r := protocol
		r.limit = bounds{modelOps, 4}
		change(&r)
		fault, states := search(r, 4_000_000)
		if fault == "" {
			t.Errorf("%s: nothing is found in %d states", name, states)
		}
		t.Logf("%s: %s (after %d states)", name, fault, states)
	}
}
