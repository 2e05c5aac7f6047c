package boards

import (
	"strings"
)

// Problem is one thing that is wrong with a descriptor.
type Problem struct {
	Path string `json:"path"` // of the field: "/rgb/fps"; "" is the whole
	Says string `json:"says"` // what is wrong, and what is allowed
	Hint string `json:"hint,omitempty"`
}

// String is the problem in one line.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Says
	}
	return p.Path + ": " + p.Says
}

// Problems is all that is wrong with a descriptor.
type Problems []Problem

// Error names every problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return "board.json: " + strings.Join(lines, "; ")
}

// within tells whether path is part, or lies under it.
func within(path, part string) bool {
	return path == part || strings.HasPrefix(path, part) && path[len(part)] == '/'
}
