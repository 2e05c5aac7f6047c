package wire

import (
	"bufio"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

// roundTrip decodes by the type in the name and encodes again.
func roundTrip(kind string, b []byte) ([]byte, error) {
	switch kind {
	case "hello":
		h, err := DecodeHello(b)
		if err != nil {
			return nil, err
		}
		return EncodeHello(h)
	case "envelope":
		e, err := DecodeEnvelope(b)
		if err != nil {
			return nil, err
		}
		return EncodeEnvelope(e)
	case "request":
		r, err := DecodeBlobRequest(b)
		if err != nil {
			return nil, err
		}
		return EncodeBlobRequest(r)
	case "reply":
		r, err := DecodeBlobReply(b)
		if err != nil {
			return nil, err
		}
		return EncodeBlobReply(r)
	}
	m, err := Decode(b)
	if err != nil {
		return nil, err
	}
	return Encode(m)
}

// spell writes XX*N out.
func spell(text string) string {
	var all strings.Builder
	for _, word := range strings.Fields(text) {
		digits, count, repeated := strings.Cut(word, "*")
		n := 1
		if repeated {
			n, _ = strconv.Atoi(count)
		}
		all.WriteString(strings.Repeat(digits, n))
	}
	return all.String()
}

// TestVectors runs testdata/vectors.txt, which says what must pass and how
// the rest must fail. The count is asserted so that no line falls out.
func TestVectors(t *testing.T) {
	f, err := os.Open("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	count := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		part := strings.SplitN(line, "|", 4)
		for i := range part {
			part[i] = strings.TrimSpace(part[i])
		}
		kind, expect := part[0], part[1]
		b, err := hex.DecodeString(spell(part[2]))
		if err != nil || len(part) != 4 {
			t.Fatalf("%q: not a vector: %v", line, err)
		}
		count[expect]++
		again, err := roundTrip(kind, b)
		var ok bool
		switch expect {
		case "pass":
			ok = err == nil && string(again) == string(b)
		case "form":
			ok = errors.Is(err, ErrNotCanonical)
		case "version":
			ok = errors.Is(err, ErrVersion)
		case "fail":
			ok = err != nil && !errors.Is(err, ErrNotCanonical) && !errors.Is(err, ErrVersion)
		}
		if !ok {
			t.Errorf("%s: expected %s, got %v", line, expect, err)
		}
	}
	want := map[string]int{"pass": 20, "form": 22, "version": 6, "fail": 74}
	for expect, n := range want {
		if count[expect] != n {
			t.Errorf("%d vectors %q, want %d", count[expect], expect, n)
		}
	}
}
