package firmware

import "fmt"

// State is what the device is busy with. The zero State is blank: nothing
// has been started and nothing is shown.
//
// One wave goes down the left side; all that can turn it aside is to the
// right. The arrows below the picture are the whole machine. A test reads
// them and holds them against the table, so what is drawn is what runs.
//
//	   idle ◀──────────────────────────────────────────────┐
//	    │ hand near                                        │
//	    ▼                                                  │
//	 approach ── hand gone ──▶ idle                        │
//	    │ ordered: who asks for what, and the vault's      │
//	    │ evidence has been checked                        │
//	    ▼                                                  │
//	  guide ── hand gone ──▶ idle   timeout ──▶ answer     │
//	    │ steady     ▲                                     │
//	    ▼            │ poor, again (tries left)            │
//	challenge        │     link lost ──▶ down              │
//	    │ challenged │                                     │
//	    ▼            │                                     │
//	 capture ────────┤     fault ──▶ down                  │
//	    │ taken      │                                     │
//	    ▼            │                                     │
//	  judge ─────────┤     spent (no try left) ──▶ answer  │
//	    │ good       │                                     │
//	    ▼            │                                     │
//	  seal ──────────┤                                     │
//	    │ sealed     │                                     │
//	    ▼            │                                     │
//	  wait ──────────┘     link lost ──▶ down              │
//	    │ answered                                         │
//	    ▼                                                  │
//	 answer                                                │
//	    │ shown                                            │
//	    ▼                                                  │
//	 remove ── hand gone ──────────────────────────────────┤
//	                                                       │
//	  down ── recovered ───────────────────────────────────┘
//
//	any state ── stop ──▶ off
//
// Every arrow:
//
//	idle      -- hand near  --> approach
//	idle      -- timeout    --> idle
//	idle      -- fault      --> down
//	idle      -- stop       --> off
//	approach  -- hand gone  --> idle
//	approach  -- ordered    --> guide
//	approach  -- timeout    --> answer
//	approach  -- link lost  --> down
//	approach  -- fault      --> down
//	approach  -- stop       --> off
//	guide     -- hand gone  --> idle
//	guide     -- steady     --> challenge
//	guide     -- timeout    --> answer
//	guide     -- fault      --> down
//	guide     -- stop       --> off
//	challenge -- challenged --> capture
//	challenge -- answered   --> answer
//	challenge -- link lost  --> down
//	challenge -- fault      --> down
//	challenge -- stop       --> off
//	capture   -- hand gone  --> idle
//	capture   -- taken      --> judge
//	capture   -- fault      --> down
//	capture   -- stop       --> off
//	judge     -- good       --> seal
//	judge     -- poor       --> guide
//	judge     -- spent      --> answer
//	judge     -- stop       --> off
//	seal      -- sealed     --> wait
//	seal      -- poor       --> guide
//	seal      -- spent      --> answer
//	seal      -- stop       --> off
//	wait      -- answered   --> answer
//	wait      -- again      --> guide
//	wait      -- spent      --> answer
//	wait      -- link lost  --> down
//	wait      -- stop       --> off
//	answer    -- shown      --> remove
//	answer    -- stop       --> off
//	remove    -- hand gone  --> idle
//	remove    -- fault      --> down
//	remove    -- stop       --> off
//	down      -- recovered  --> idle
//	down      -- stop       --> off
//
// From judge on the hand may go: what is needed of it has been taken.
type State uint8

// Every state there is.
const (
	Blank     State = iota
	Idle            // waiting for a hand
	Approach        // a hand is near: what is it for, and is the vault the right one
	Guide           // looking at it in the near-infrared and saying what to change
	Challenge       // asking the vault for the nonce of this burst
	Capture         // taking the burst
	Judge           // rectifying it; is it good enough, is it alive
	Seal            // making the sample, and forgetting the burst
	Wait            // for the vault's answer
	Answer          // showing it
	Remove          // waiting for the hand to go
	Down            // a part is missing: trying it again, ever more slowly
	Off             // for good
	stateCount
)

var stateNames = [stateCount]string{
	"blank", "idle", "approach", "guide", "challenge", "capture", "judge", "seal",
	"wait", "answer", "remove", "down", "off",
}

// String is the state's name in traces and in the drawing.
func (s State) String() string {
	if s >= stateCount {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return stateNames[s]
}

// Event is what ends a state, or interrupts it. The zero Event is none.
type Event uint8

// Every event there is.
const (
	NoEvent    Event = iota
	HandNear         // the presence sensor sees a hand
	HandGone         // and no longer
	Ordered          // a purpose is known and the vault has been attested
	Steady           // the palm is where it should be and still
	Challenged       // the vault gave a nonce
	Taken            // a whole burst is in memory
	Good             // quality and liveness accept it
	Poor             // they do not, and there are tries left
	Spent            // and there are none
	Sealed           // the sample is made and the pixels are gone
	Answered         // the vault decided
	Again            // the vault could not decide, and there are tries left
	Shown            // the answer has been seen
	Timeout          // nothing useful happened for too long
	LinkLost         // no vault, or not the right one
	Fault            // the camera or the presence sensor does not work
	Recovered        // all parts work again
	Stop             // the program is to end
	eventCount
)

var eventNames = [eventCount]string{
	"none", "hand near", "hand gone", "ordered", "steady", "challenged", "taken", "good", "poor", "spent",
	"sealed", "answered", "again", "shown", "timeout", "link lost", "fault", "recovered", "stop",
}

// String is the event's name in traces and in the drawing.
func (e Event) String() string {
	if e >= eventCount {
		return fmt.Sprintf("event(%d)", uint8(e))
	}
	return eventNames[e]
}

// table is the machine. Where there is no entry the event means nothing in
// that state.
var table = [stateCount][eventCount]State{
	Idle:      {HandNear: Approach, Timeout: Idle, Fault: Down, Stop: Off},
	Approach:  {HandGone: Idle, Ordered: Guide, Timeout: Answer, LinkLost: Down, Fault: Down, Stop: Off},
	Guide:     {HandGone: Idle, Steady: Challenge, Timeout: Answer, Fault: Down, Stop: Off},
	Challenge: {Challenged: Capture, Answered: Answer, LinkLost: Down, Fault: Down, Stop: Off},
	Capture:   {HandGone: Idle, Taken: Judge, Fault: Down, Stop: Off},
	Judge:     {Good: Seal, Poor: Guide, Spent: Answer, Stop: Off},
	Seal:      {Sealed: Wait, Poor: Guide, Spent: Answer, Stop: Off},
	Wait:      {Answered: Answer, Again: Guide, Spent: Answer, LinkLost: Down, Stop: Off},
	Answer:    {Shown: Remove, Stop: Off},
	Remove:    {HandGone: Idle, Fault: Down, Stop: Off},
	Down:      {Recovered: Idle, Stop: Off},
}

// next is the machine: the state that follows s when e happens, and whether
// e means anything there. Where it does not, the state stays.
func next(s State, e Event) (State, bool) {
	if s >= stateCount || e >= eventCount || table[s][e] == Blank {
		return s, false
	}
	return table[s][e], true
}
