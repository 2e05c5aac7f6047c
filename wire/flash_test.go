package wire

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// TestFlashVectors runs testdata/flashes.txt, which was made from README.md
// by another program.
func TestFlashVectors(t *testing.T) {
	f, err := os.Open("testdata/flashes.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	count := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, want, _ := strings.Cut(lines.Text(), " | ")
		if strings.HasPrefix(text, "#") {
			continue
		}
		var n Nonce
		if _, err := hex.Decode(n[:], []byte(text)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range Flashes(n) {
			band := map[bool]int{false: 850, true: 940}[f.At940]
			got = append(got, fmt.Sprintf("%d %d %d", band, f.Corners, f.Quarters))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %s, want %s", text, s, want)
		}
		count++
	}
	if count != 12 {
		t.Errorf("%d vectors, want 12", count)
	}
}

// Every corner has its turn once, and every kind of flash comes about as
// often as any other.
func TestFlashesAreSpread(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const draws = 20000
	kinds := map[Flash]int{}
	codes := map[[FlashCount]Flash]bool{}
	for range draws {
		var n Nonce
		for i := range n {
			n[i] = byte(rng.Uint32())
		}
		code, seen := Flashes(n), 0
		codes[code] = true
		for _, f := range code {
			c, lit := f.Alone()
			if seen |= 1 << c; lit != (f.Corners == 1<<c) {
				t.Fatalf("%+v: corner %d lit %v", f, c, lit)
			}
			kinds[f]++
		}
		if seen != 15 {
			t.Fatalf("%+v: corners %b have their turn", code, seen)
		}
	}
	if len(kinds) != 8*2*3 || len(codes) < draws*95/100 {
		t.Errorf("%d kinds of flash and %d codes in %d draws", len(kinds), len(codes), draws)
	}
	for f, n := range kinds {
		if expect := draws * FlashCount / 48; n < expect*85/100 || n > expect*115/100 {
			t.Errorf("%+v came %d times, expected about %d", f, n, expect)
		}
	}
	if c, lit := (Flash{}).Alone(); c != 0 || lit {
		t.Error("the zero Flash lights a corner")
	}
}
