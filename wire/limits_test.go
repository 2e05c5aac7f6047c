package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// allocated is how many bytes do takes from the heap.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Lengths that lie cost no memory.
func TestLyingLengths(t *testing.T) {
	head := must(hex.DecodeString("89010b582001" + strings.Repeat("00", 31) + "01000001"))
	used := allocated(func() {
		for _, tail := range []string{"9affffffff", "9b7fffffffffffffff", "991000", "8183015b7fffffffffffffff", "8183015affffffff", "8183019affffffff", "818301990fff"} {
			b := append(bytes.Clone(head), must(hex.DecodeString(tail))...)
			if _, err := Decode(b); err == nil {
				t.Errorf("%s: decoded", tail)
			}
		}
	})
	if used > 256<<10 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// Nor do a million empty keys in a message of one megabyte, which would take sixteen.
func TestManyElements(t *testing.T) {
	const n = 1_000_000
	b := append([]byte{0x88, 1, byte(TypeBlobReply), 0, 0x60, 0x40, 0xf4, 0x9a, n >> 24, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff}, bytes.Repeat([]byte{0x60}, n)...)
	b = append(b, 0xf4)
	used := allocated(func() {
		if _, err := DecodeBlobReply(b); err == nil {
			t.Error("decoded")
		}
	})
	if used > 256<<10 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// Too long a message is refused for its length, before anything of it is read.
func TestTooLong(t *testing.T) {
	for kind, limit := range map[Type]int{TypeBegin: MaxMessage, TypeHello: MaxHello, TypeEnvelope: MaxEnvelope,
		TypeBlobRequest: MaxFrame32, TypeBlobReply: MaxFrame32} {
		name := map[Type]string{TypeHello: "hello", TypeEnvelope: "envelope", TypeBlobRequest: "request", TypeBlobReply: "reply"}[kind]
		for _, more := range []int{0, 1} {
			b := append([]byte{0x84, Version, byte(kind)}, make([]byte, limit+more-3)...)
			_, err := roundTrip(name, b)
			if tooLong := err != nil && strings.Contains(err.Error(), fmt.Sprintf("at most %d", limit)); tooLong != (more == 1) {
				t.Errorf("%v of %d bytes: %v", kind, len(b), err)
			}
		}
	}
}
