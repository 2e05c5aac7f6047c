package canonical

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// refusal is why an example of the RFC is not accepted here; "" where it is.
func refusal(b []byte) string {
	switch major, minor := b[0]>>5, b[0]&31; {
	case b[0] == 0xf7:
		return "undefined, which reads as null"
	case b[0] == 0xf8 && b[1] < 32:
		return "a simple value that RFC 8949 withdrew"
	case major == 6:
		return "a tag"
	case minor == 31 && major != 7, bytes.Contains(b, []byte{0x9f}), bytes.Contains(b, []byte{0xbf}):
		return "an indefinite length"
	case b[0] == 0xfa || b[0] == 0xfb:
		if !shortest[hex.EncodeToString(b)] {
			return "a float that fits fewer bytes"
		}
	}
	return ""
}

// shortest are the floats of the RFC that need their four or eight bytes.
var shortest = map[string]bool{
	"fa47c35000": true, "fa7f7fffff": true, "fb3ff199999999999a": true,
	"fb7e37e43c8800759c": true, "fbc010666666666666": true,
}

// The RFC's examples are accepted as what they are, or refused for a reason.
// The counts are asserted, so that no example falls out silently.
func TestRFC(t *testing.T) {
	file, err := os.ReadFile("testdata/rfc8949-appendix-a.txt")
	if err != nil {
		t.Fatal(err)
	}
	codec := New(8, 32)
	foreign := NewForeign(8, 32, 16)
	counts := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(file)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		text, value, _ := strings.Cut(line, "\t")
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		why := refusal(b)
		counts[why]++
		err = codec.Unmarshal(b, &v)
		if (err == nil) != (why == "") {
			t.Errorf("%s (%s): %v, expected to be refused for %q", text, value, err, why)
		}
		if err == nil {
			if again, err := codec.Marshal(v); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s (%s): encoded again as %x, %v", text, value, again, err)
			}
		}
		var w any
		if err := foreign.Unmarshal(b, &w); (err == nil) != (why == "" || strings.HasPrefix(why, "a float") || strings.HasPrefix(why, "undefined")) {
			t.Errorf("%s (%s) of others: %v", text, value, err)
		}
	}
	want := map[string]int{
		"": 55, "a tag": 8, "an indefinite length": 11, "a float that fits fewer bytes": 6,
		"undefined, which reads as null": 1, "a simple value that RFC 8949 withdrew": 1,
	}
	for why, n := range want {
		if counts[why] != n {
			t.Errorf("%d of 82 refused for %q, want %d", counts[why], why, n)
		}
	}
}
