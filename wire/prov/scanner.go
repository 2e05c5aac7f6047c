package prov

import "bytes"

// Event is one thing that came over the line: exactly one field is set.
type Event struct {
	Packet []byte  // of SMP, with a header whose length is right; the receiver's own
	Improv *Improv // of Improv Serial
	Line   string  // of text, without its newline, control characters taken out
	Broken error   // a frame that had to be dropped; what it was is not known
}

// Scanner tells frames, Improv packets and text apart in a stream that may be
// cut, flipped and mixed anywhere. It keeps at most one packet and one line.
// The zero Scanner is ready.
type Scanner struct {
	line   []byte
	frame  assembly
	improv improvScan
}

// Push takes bytes as they come and gives what became whole by them.
func (s *Scanner) Push(b []byte) (events []Event) {
	for _, c := range b {
		events = s.one(c, events)
	}
	return events
}

func (s *Scanner) one(c byte, events []Event) []Event {
	if s.improv.on {
		p, rest, done := s.improv.push(c)
		if p != nil {
			return append(events, Event{Improv: p})
		}
		if done { // it was none after all: its bytes are looked at again, as text
			for _, v := range bytes.Clone(rest) {
				events = s.one(v, events)
			}
		}
		return events
	}
	return s.text(c, events)
}

// text takes a byte that is not in an Improv packet.
func (s *Scanner) text(c byte, events []Event) []Event {
	if c == '\n' || c == '\r' {
		return s.endLine(events)
	}
	s.line = append(s.line, c)
	if n := len(s.line); n > 2 { // marks restart a line whose beginning was lost or is text
		if m := s.line[n-2:]; m[0] == mark1 && m[1] == mark2 || m[0] == more1 && m[1] == more2 {
			before := append([]byte(nil), s.line[:n-2]...)
			s.line = append(s.line[:0], m[0], m[1])
			return said(before, events)
		}
	}
	if !s.marked() && bytes.HasSuffix(s.line, improvMagic) {
		before := append([]byte(nil), s.line[:len(s.line)-len(improvMagic)]...)
		s.line = s.line[:0]
		s.improv.begin()
		return said(before, events)
	}
	if limit := MaxLine; len(s.line) > limit || s.marked() && len(s.line) > lineLn {
		whole := s.line
		s.line = s.line[:0]
		if whole[0] == mark1 || whole[0] == more1 {
			s.frame.open = false
			return append(events, Event{Broken: errFrame})
		}
		return said(append([]byte(nil), whole...), events)
	}
	return events
}

// marked tells whether the line that is coming is a frame's.
func (s *Scanner) marked() bool {
	return len(s.line) >= 2 && (s.line[0] == mark1 && s.line[1] == mark2 || s.line[0] == more1 && s.line[1] == more2)
}

func (s *Scanner) endLine(events []Event) []Event {
	line := s.line
	s.line = s.line[:0]
	if len(line) < 2 || line[0] != mark1 && line[0] != more1 || line[1] != mark2 && line[1] != more2 {
		return said(line, events)
	}
	packet, err := s.frame.add(line[0] == mark1, line[2:])
	switch {
	case err != nil:
		return append(events, Event{Broken: err})
	case packet == nil:
		return events
	}
	if _, err := ParseHeader(packet); err != nil {
		return append(events, Event{Broken: err})
	}
	return append(events, Event{Packet: bytes.Clone(packet)})
}

// said adds a line of text, if it has any.
func said(line []byte, events []Event) []Event {
	if text := Clean(string(line)); text != "" {
		return append(events, Event{Line: text})
	}
	return events
}
