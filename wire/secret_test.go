package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Whatever prints a sample prints no pixel: neither 0xa5 nor 165 nor 0x5a nor 90.
func TestSampleIsNotPrinted(t *testing.T) {
	s := sample(view(RGB), view(NIR))
	s.Tilt, s.Quality = 1, 1
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", s.Views)
		fmt.Fprintf(&out, verb+"\n", s.Views[0])
		fmt.Fprintf(&out, verb+"\n", s.Proof)
		fmt.Fprintf(&out, verb+"\n", &s.Proof)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("sample", "s", s, "v", s.Views, "p", s.Proof)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("sample", "s", s, "v", s.Views, "p", s.Proof)
	if n := out.Len(); n > 20000 {
		t.Errorf("%d bytes were printed", n)
	}
	for _, pixel := range []string{"\xa5\xa5", "a5a5", "A5A5", "165 165", "0xa5", "245 245", "10100101", "paWl", "42405"} {
		if strings.Contains(out.String(), pixel) {
			t.Errorf("pixels were printed as %q", pixel)
		}
	}
	for _, v := range []any{s, s.Proof} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%T became %d bytes of JSON", v, len(b))
		}
	}
}

func TestWipe(t *testing.T) {
	s := sample(view(RGB), view(NIR))
	s.Wipe()
	for _, v := range s.Views {
		if bytes.ContainsFunc(append(v.Pix, v.Mask...), func(r rune) bool { return r != 0 }) {
			t.Errorf("%v is not wiped", v.Band)
		}
	}
	if bytes.Contains(pack(s.Proof.Planes), []byte{0xa5}) || bytes.Contains(s.Proof.NIR940, []byte{0xa5}) {
		t.Error("the proof is not wiped")
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]fmt.Stringer{
		"left": Left, "right": Right, "no hand": Hand(0), "rgb": RGB, "nir": NIR, "no band": Band(9),
		"identify": Identify, "verify": Verify, "enrol": Enrol, "update": Update, "delete": Delete, "no purpose": Purpose(9),
		"refused": Refused, "accepted": Accepted, "more": More, "again": Again, "invalid": Status(9),
		"blob reply": TypeBlobReply, "no type": Type(99),
	} {
		if got.String() != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}
