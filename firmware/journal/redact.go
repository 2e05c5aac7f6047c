package journal

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a person is known by here is bytes: a pseudonym of 16, a crop of
// 16,384 and up, a template. Text of people has no such runs of characters,
// so none is kept that is as long as the shortest of them would be.
const (
	maxRun     = 20 // letters and digits of one word that mixes them, as hexadecimal or base64
	maxNumbers = 8  // numbers in a row, as Go prints a list of bytes
)

// Redact is a line as the journal keeps it: one line of at most 512 bytes of
// printable UTF-8, in which whatever looks like bytes (16 and more, in
// hexadecimal, in base64 or as a list of numbers) is replaced by how long it was.
func Redact(text string) string {
	words := strings.FieldsFunc(plain(text, 4*maxText), unicode.IsSpace)
	out := make([]string, 0, len(words))
	for i := 0; i < len(words); {
		n := 0
		for i+n < len(words) && isNumber(words[i+n]) {
			n++
		}
		if n > maxNumbers {
			out = append(out, fmt.Sprintf("(%d numbers)", n))
			i += n
			continue
		}
		out = append(out, redactWord(words[i]))
		i++
	}
	return plain(strings.Join(out, " "), maxText)
}

// isNumber says whether a word is a byte of a list, decimal or hexadecimal, with brackets and commas.
func isNumber(w string) bool {
	w = strings.Trim(w, "[](){},;")
	w = strings.TrimPrefix(w, "0x")
	return w != "" && (len(w) <= 3 && strings.Trim(w, "0123456789") == "" || len(w) <= 2 && strings.Trim(w, "0123456789abcdefABCDEF") == "")
}

// redactWord replaces the runs of a word that look like bytes.
func redactWord(w string) string {
	if strings.Count(w, ",") > maxNumbers { // a list without spaces
		w = redactList(w)
	}
	var b strings.Builder
	for len(w) > 0 {
		n := 0
		for n < len(w) && isCode(w[n]) {
			n++
		}
		if n > 0 && looksLikeBytes(w[:n]) {
			fmt.Fprintf(&b, "(%d characters)", n)
		} else {
			b.WriteString(w[:n])
		}
		if w = w[n:]; len(w) > 0 {
			_, size := utf8.DecodeRuneInString(w)
			b.WriteString(w[:size])
			w = w[size:]
		}
	}
	return b.String()
}

// redactList replaces a row of numbers between commas.
func redactList(w string) string {
	n := 0
	for _, item := range strings.Split(w, ",") {
		if isNumber(item) {
			n++
		}
	}
	if n > maxNumbers {
		return fmt.Sprintf("(%d numbers)", n)
	}
	return w
}

// isCode says whether a byte occurs in hexadecimal or in either base64.
func isCode(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

// looksLikeBytes says whether a run holds hexadecimal, or mixes cases and
// digits as no word, no path and hardly a name of a program does.
func looksLikeBytes(run string) bool {
	if len(run) < maxRun {
		return false
	}
	var count [other + 1]int
	hex, longest, pairs := 0, 0, 0
	for i := range len(run) {
		c := class(run[i])
		count[c]++
		if hex++; c == other || c != digit && (run[i]|0x20) > 'f' {
			hex = 0
		}
		longest = max(longest, hex)
		if i > 0 && c == upper && class(run[i-1]) == upper {
			pairs++
		}
	}
	mixed := count[upper] > 0 && count[lower] > 0
	return longest >= maxRun || mixed && count[digit] > 0 || mixed && (pairs > 0 || 4*count[upper] > len(run))
}

// What a byte of base64 can be.
const (
	digit = iota
	upper
	lower
	other
)

func class(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return digit
	case c >= 'A' && c <= 'Z':
		return upper
	case c >= 'a' && c <= 'z':
		return lower
	}
	return other
}

// plain is text without control characters and broken UTF-8, cut to limit bytes.
func plain(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}

// levelOf reads the level from a line of slog, or from the first words of a
// Go program that dies.
func levelOf(text string) slog.Level {
	for _, mark := range []string{"panic:", "fatal error:", "level=ERROR", `"level":"ERROR"`} {
		if strings.Contains(text, mark) {
			return slog.LevelError
		}
	}
	for _, mark := range []string{"level=WARN", `"level":"WARN"`} {
		if strings.Contains(text, mark) {
			return slog.LevelWarn
		}
	}
	return slog.LevelInfo
}
