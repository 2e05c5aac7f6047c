package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"":         "",
		"a  b\tc ": "a b c",
		"capture: shoot nir850: cameras out of step: 12ms, board allows 5ms": "capture: shoot nir850: cameras out of step: 12ms, board allows 5ms",
		"/data/unit/unit.toml volar/firmware/capture.Take(0xc000123456)":     "/data/unit/unit.toml volar/firmware/capture.Take(0xc000123456)",
		"person 00112233445566778899aabbccddeeff accepted":                   "person (32 characters) accepted",
		"person=00112233445566778899AABBCCDDEEFF":                            "person=(32 characters)",
		`{"person":"q83vEjRWeJCrze8SNFZ4kA=="}`:                              `{"person":"(22 characters)=="}`,
		"[0 17 34 51 68 85 102 119 136 153 170 187 204 221 238 255]":         "(16 numbers)",
		"pix [255,254,253,252,251,250,249,248,247,246] end":                  "pix (10 numbers) end",
		"1 2 3 4 5 6 7 8":                            "1 2 3 4 5 6 7 8",
		"a\x00b\x1b[31mred\xff\xfe":                  "ab[31mred",
		"line\r\nbreak":                              "line break",
		"TestEveryByteOfTheHandshake is a long word": "TestEveryByteOfTheHandshake is a long word",
		"update: came back from slot b: the-new-system-did-not-start": "update: came back from slot b: the-new-system-did-not-start",
		strings.Repeat("word ", 200):                                  strings.TrimSpace(strings.Repeat("word ", 102)) + " wo",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q)\n is %q\nwant %q", in, got, want)
		}
	}
}

// Bytes of 16 and more never get through, in any of the ways in which Go prints them.
func TestRedactBytes(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	missed := 0
	for i := range 3000 {
		b := make([]byte, 16+i%40)
		r.Read(b)
		for _, text := range []string{hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), fmt.Sprint(b), fmt.Sprintf("%#v", b), fmt.Sprintf("% x", b)} {
			if got := Redact("a " + text + " z"); strings.Contains(got, text[:min(len(text), 24)]) {
				t.Fatalf("%q stays", got)
			}
		}
		for _, text := range []string{base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b)} {
			if got := Redact("a " + text + " z"); strings.Contains(got, strings.Trim(text, "=")) {
				missed++
			}
		}
	}
	if missed > 0 {
		t.Errorf("%d of 6000 in base64 stay", missed)
	}
}

// What a careless program says of a person is in no file of the journal.
func TestNoPersonsData(t *testing.T) {
	dir := t.TempDir()
	j := start(t, dir)
	type Person [16]byte
	person := Person{0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	pixels := bytes.Repeat([]byte{201, 202, 203, 204}, 4096)
	log := slog.New(j.Handler("palmd", slog.LevelInfo)).With("who", person)
	log.Info("accepted", "person", person, "crop", pixels, slog.Group("g", "hex", hex.EncodeToString(person[:])))
	log.WithGroup("deep").Info("again", "text", fmt.Sprint(pixels), "b64", base64.StdEncoding.EncodeToString(person[:]), "raw", string(person[:]))
	fmt.Fprintf(j.Writer("palmd"), "{\"person\":%q,\"pix\":%v}\n%s\n", base64.StdEncoding.EncodeToString(person[:]), pixels, pixels)
	if err := j.Close("done"); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range must(filepath.Glob(filepath.Join(dir, "*"))) {
		all = append(all, must(os.ReadFile(name))...)
	}
	for _, planted := range []string{string(person[:8]), hex.EncodeToString(person[:8]), "222 173 190", "201 202 203", string(pixels[:8]),
		base64.StdEncoding.EncodeToString(person[:])[:12], base64.StdEncoding.EncodeToString(pixels)[:12]} {
		if bytes.Contains(all, []byte(planted)) {
			t.Errorf("the journal holds %q", planted)
		}
	}
	if !bytes.Contains(all, []byte("accepted who=(16 bytes) person=(16 bytes) crop=(16384 bytes) g.hex=(32 characters)")) {
		t.Errorf("the journal does not hold what may be kept:\n%q", all)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("person 00112233445566778899aabbccddeeff accepted")
	f.Add("[1 2 3 4 5 6 7 8 9 10]")
	f.Fuzz(func(t *testing.T, text string) {
		got := Redact(text)
		if len(got) > maxText || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00") {
			t.Fatalf("%q became %q", text, got)
		}
		run := 0
		for i := range len(got) {
			if run++; !strings.Contains("0123456789abcdefABCDEF", got[i:i+1]) {
				run = 0
			}
			if run >= maxRun {
				t.Fatalf("%q became %q", text, got)
			}
		}
	})
}

// Whatever is on the disk, what is read of it is read again when it is written.
func FuzzParse(f *testing.F) {
	f.Add(frame(frame(nil, Line{Seq: 1, Run: 1, Mark: "began", Text: "r"}), Line{Seq: 2, Run: 1, Level: 8, Source: "palmd", Text: "x"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4<<10 {
			return
		}
		all, torn := parseAll(b)
		var again []byte
		for _, l := range all {
			again = frame(again, l)
		}
		if !torn && !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}
