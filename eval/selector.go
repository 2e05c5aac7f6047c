package eval

import (
	"fmt"
	"strings"
)

// A Selector picks captures: those within both ranges. The zero Selector picks none.
type Selector struct {
	set                bool
	sessions, captures span
}

// A span is a range of numbers, both ends within.
type span struct{ from, to int }

func (s span) holds(n int) bool { return s.from <= n && n <= s.to }

var every = span{0, maxNumber}

// ParseSelector reads `all`, `session=N`, `session=A-B`, `capture=N`,
// `capture=A-B`, or a session and a capture joined by a comma.
func ParseSelector(text string) (Selector, error) {
	s := Selector{true, every, every}
	if text == "all" {
		return s, nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(part, "=")
		r, err := parseSpan(value)
		if !found || err != nil || seen[name] {
			return Selector{}, fmt.Errorf("eval: selector %q: want all, session=N or capture=A-B", text)
		}
		seen[name] = true
		switch name {
		case "session":
			s.sessions = r
		case "capture":
			s.captures = r
		default:
			return Selector{}, fmt.Errorf("eval: selector %q: %q is neither session nor capture", text, name)
		}
	}
	return s, nil
}

func parseSpan(text string) (span, error) {
	first, last, ranged := strings.Cut(text, "-")
	from, err := parseNumber("range", first)
	if err != nil {
		return span{}, err
	}
	if !ranged {
		return span{from, from}, nil
	}
	to, err := parseNumber("range", last)
	if err != nil {
		return span{}, err
	}
	if to < from {
		return span{}, fmt.Errorf("range %q runs backwards", text)
	}
	return span{from, to}, nil
}

// Picks says whether a row is selected.
func (s Selector) Picks(r *Row) bool {
	return s.set && s.sessions.holds(r.Session) && s.captures.holds(r.Capture)
}
