package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitCommand(t *testing.T) {
	for line, want := range map[string][]string{
		`palmlaunch`:                             {"palmlaunch"},
		"  palmlaunch\t-vault  palmvault\n":      {"palmlaunch", "-vault", "palmvault"},
		`a 'b c' "d e" f\ g`:                     {"a", "b c", "d e", "f g"},
		`a '' ""`:                                {"a", "", ""},
		`a'b'"c"d`:                               {"abcd"},
		`'it'\''s' "say \"x\\\""`:                {"it's", `say "x\"`},
		`'a\b' "a'b"`:                            {`a\b`, "a'b"},
		"a $HOME *.go ; rm | cat > x `id` $(id)": {"a", "$HOME", "*.go", ";", "rm", "|", "cat", ">", "x", "`id`", "$(id)"},
		"a \xff\xfe":                             {"a", "\xff\xfe"},
		"a ä":                                    {"a", "ä"},
	} {
		got, err := splitCommand(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"":       "no program",
		" \t":    "no program",
		`'' a`:   "no program",
		`a 'b`:   "not closed",
		`a "b`:   "not closed",
		`a b\`:   "backslash",
		"a\x00b": "NUL",
	} {
		if got, err := splitCommand(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want an error with %q", line, got, err, want)
		}
	}
}

// FuzzSplitCommand quotes what was split and splits it again.
func FuzzSplitCommand(f *testing.F) {
	for _, line := range []string{`a 'b c' "d\"e" f\ g ''`, "\xff 'x'", `\`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitCommand(line)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := splitCommand(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q gave %q, quoted and split again %q, %v", line, words, again, err)
		}
	})
}
