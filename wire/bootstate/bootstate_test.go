package bootstate

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func states() (all []State) {
	for _, first := range []string{"a", "b"} {
		for a := Good; a <= Ready; a++ {
			for b := Good; b <= Ready; b++ {
				for _, left := range []uint8{0, 1, 3, 9} {
					all = append(all, State{first, Slot{a, left}, Slot{b, 9 - left}})
				}
			}
		}
	}
	return all
}

func block(t *testing.T, s State) []byte {
	t.Helper()
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, s := range states() {
		if got, err := Parse(block(t, s)); err != nil || got != s {
			t.Errorf("%+v reads as %+v, %v", s, got, err)
		}
	}
}

// The beginning of the block of a new image, made with mkenvimage 2023.01.
func TestVector(t *testing.T) {
	want := "1f3af167" + hex.EncodeToString([]byte("BOOT_A_LEFT=0\x00BOOT_A_STATE=good\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a b\x00\x00"))
	if got := hex.EncodeToString(block(t, Default())); got[:len(want)] != want {
		t.Errorf("the block begins with\n%s, want\n%s", got[:len(want)], want)
	}
}

// U-Boot's own tool writes the same bytes.
func TestMkenvimage(t *testing.T) {
	tool, err := exec.LookPath("mkenvimage")
	if err != nil {
		t.Skip("mkenvimage (u-boot-tools) is not installed")
	}
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	for _, s := range states() {
		text := fmt.Sprintf("BOOT_A_LEFT=%d\nBOOT_A_STATE=%v\nBOOT_B_LEFT=%d\nBOOT_B_STATE=%v\nBOOT_ORDER=%s %s\n",
			s.A.Left, s.A.Status, s.B.Left, s.B.Status, s.First, Other(s.First))
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command(tool, "-p", "0", "-s", fmt.Sprint(Size), "-o", out, in).CombinedOutput(); err != nil {
			t.Fatalf("mkenvimage: %v: %s", err, said)
		}
		if theirs, err := os.ReadFile(out); err != nil || !bytes.Equal(theirs, block(t, s)) {
			t.Fatalf("mkenvimage writes other bytes for %+v (%v)", s, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := block(t, Default())
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		if _, err := Parse(b); !errors.Is(err, ErrBroken) {
			t.Fatalf("with byte %d changed: %v", i, err)
		}
	}
	for _, text := range []string{
		"",
		"BOOT_ORDER=a b\x00",
		"BOOT_A_LEFT=0\x00BOOT_A_STATE=good\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a a",
		"BOOT_A_LEFT=0\x00BOOT_A_STATE=good\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a b\x00EXTRA=1",
		"BOOT_A_LEFT=0\x00BOOT_A_STATE=good\x00BOOT_B_LEFT=0\x00BOOT_A_STATE=good\x00BOOT_ORDER=a b",
		"BOOT_A_LEFT=10\x00BOOT_A_STATE=good\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a b",
		"BOOT_A_LEFT=-\x00BOOT_A_STATE=good\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a b",
		"BOOT_A_LEFT=0\x00BOOT_A_STATE=no status\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a b",
		"BOOT_A_LEFT\x00BOOT_A_STATE=good\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a b",
	} {
		if got, err := Parse(sum(text)); !errors.Is(err, ErrBroken) {
			t.Errorf("%q reads as %+v, %v", text, got, err)
		}
	}
	for _, n := range []int{0, 4, Size - 1, Size + 1} {
		if _, err := Parse(make([]byte, n)); !errors.Is(err, ErrBroken) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// The zero State and what no block can hold are not written.
func TestBytesRefuses(t *testing.T) {
	for _, s := range []State{{}, {First: "a"}, {First: "c", A: Slot{Status: Good}, B: Slot{Status: Good}},
		{First: "a", A: Slot{Good, 10}, B: Slot{Status: Good}}, {First: "a", A: Slot{Status: Good}, B: Slot{Status: Ready + 1}}} {
		if _, err := s.Bytes(); err == nil {
			t.Errorf("%+v was written", s)
		}
	}
}

// Every line of the table in README.md.
func TestPick(t *testing.T) {
	good, bad, ready := Slot{Good, 0}, Slot{Bad, 0}, Slot{Ready, 0}
	for _, c := range []struct {
		name        string
		first       string
		a, b        Slot
		boot        string
		left, other uint8 // of the booted slot after, and before where it must not change
	}{
		{"both good, a first", "a", good, good, "a", 0, 0},
		{"both good, b first", "b", good, good, "b", 0, 0},
		{"a is bad", "a", bad, good, "b", 0, 0},
		{"b is not tried yet", "b", good, ready, "a", 0, 0},
		{"a trial counts down", "b", good, Slot{Trial, 3}, "b", 2, 0},
		{"its last try", "b", good, Slot{Trial, 1}, "b", 0, 0},
		{"and then back", "b", good, Slot{Trial, 0}, "a", 0, 0},
		{"a trial that is not first waits", "a", good, Slot{Trial, 3}, "a", 0, 3},
		{"a good one never counts", "a", Slot{Good, 7}, good, "a", 7, 0},
		{"nothing may boot: the first all the same", "b", bad, bad, "b", 0, 0},
		{"nor with a trial that is over", "a", Slot{Trial, 0}, bad, "a", 0, 0},
	} {
		s := State{c.first, c.a, c.b}
		boot, after := s.Pick()
		if boot != c.boot || after.Of(boot).Left != c.left {
			t.Errorf("%s: boots %s with %d left, want %s with %d", c.name, boot, after.Of(boot).Left, c.boot, c.left)
		}
		if after.First != s.First || after.Of(Other(boot)) != s.Of(Other(boot)) || after.Of(boot).Status != s.Of(boot).Status {
			t.Errorf("%s: %+v became %+v", c.name, s, after)
		}
	}
}

// Whatever the block says, a slot boots, and only a trial changes the block.
func TestPickAlwaysBoots(t *testing.T) {
	for _, s := range states() {
		boot, after := s.Pick()
		if Other(boot) == "" {
			t.Fatalf("%+v boots %q", s, boot)
		}
		if trial := s.Of(boot).Status == Trial && s.Of(boot).Left > 0; trial != (after != s) {
			t.Errorf("%+v boots %s and becomes %+v", s, boot, after)
		}
		if s.Of(boot).Status != Good && s.A.Status == Good && s.B.Status == Good {
			t.Errorf("%+v boots %s", s, boot)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []State{Default(), {"b", Slot{Good, 0}, Slot{Trial, 3}}} {
		b, err := s.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimRight(b[4:], "\x00"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > Size-4 {
			return
		}
		s, err := Parse(sum(string(text)))
		if err != nil {
			return
		}
		if again, err := Parse(block(t, s)); err != nil || again != s {
			t.Errorf("%q reads as %+v, which reads as %+v, %v", text, s, again, err)
		}
	})
}
