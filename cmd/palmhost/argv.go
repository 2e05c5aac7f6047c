package main

import (
	"errors"
	"strings"
)

// splitCommand splits a command line into a program and its arguments.
// White space separates; 'single quotes' keep everything, "double quotes" keep
// everything but a backslash, and a backslash keeps the next character.
// Nothing is expanded and no shell is run: $, *, ; and | are ordinary characters.
func splitCommand(line string) ([]string, error) {
	var s splitter
	for i := range len(line) { // bytes: a path need not be UTF-8
		if line[i] == 0 {
			return nil, errors.New("a NUL character in the command")
		}
		s.next(line[i])
	}
	switch {
	case s.escaped:
		return nil, errors.New("a backslash with nothing after it")
	case s.quote != 0:
		return nil, errors.New("a quote that is not closed")
	}
	s.finish()
	if len(s.words) == 0 || s.words[0] == "" {
		return nil, errors.New("no program is named")
	}
	return s.words, nil
}

type splitter struct {
	words   []string
	word    strings.Builder
	begun   bool // there is a word, if only an empty one in quotes
	quote   byte // inside ' or ", otherwise 0
	escaped bool
}

func (s *splitter) next(b byte) {
	switch {
	case s.escaped:
		s.escaped = false
		s.keep(b)
	case b == '\\' && s.quote != '\'':
		s.escaped = true
	case s.quote != 0 && b == s.quote:
		s.quote = 0
	case s.quote != 0:
		s.keep(b)
	case b == '\'' || b == '"':
		s.quote, s.begun = b, true
	case strings.IndexByte(" \t\r\n", b) >= 0:
		s.finish()
	default:
		s.keep(b)
	}
}

func (s *splitter) keep(b byte) {
	s.word.WriteByte(b)
	s.begun = true
}

func (s *splitter) finish() {
	if s.begun {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.begun = false
}
