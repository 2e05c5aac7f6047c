package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// seed adds the vectors of one kind, or of all.
func seed(f *testing.F, kinds ...string) {
	file, err := os.Open("testdata/vectors.txt")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		kind, rest, _ := strings.Cut(lines.Text(), " | ")
		_, rest, _ = strings.Cut(rest, " | ")
		text, _, _ := strings.Cut(rest, " | ")
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			continue
		}
		for _, k := range kinds {
			if kind == k {
				f.Add(b)
			}
		}
	}
}

// encodesAgain is the promise of every decoder: what it takes, its encoder gives back.
func encodesAgain(t *testing.T, kind string, b []byte) {
	if again, err := roundTrip(kind, b); err == nil && !bytes.Equal(again, b) {
		t.Errorf("%x decodes and encodes to %x", b, again)
	}
}

func FuzzDecode(f *testing.F) {
	seed(f, "begin", "challenge", "sample", "answer")
	for _, m := range []Message{sample(view(NIR)), sample(view(RGB), view(NIR))} {
		f.Add(must(Encode(m)))
	}
	f.Fuzz(func(t *testing.T, b []byte) { encodesAgain(t, "", b) })
}

func FuzzHello(f *testing.F) {
	seed(f, "hello")
	f.Fuzz(func(t *testing.T, b []byte) { encodesAgain(t, "hello", b) })
}

func FuzzEnvelope(f *testing.F) {
	seed(f, "envelope")
	f.Fuzz(func(t *testing.T, b []byte) { encodesAgain(t, "envelope", b) })
}

func FuzzBlobRequest(f *testing.F) {
	seed(f, "request")
	f.Fuzz(func(t *testing.T, b []byte) { encodesAgain(t, "request", b) })
}

func FuzzBlobReply(f *testing.F) {
	seed(f, "reply")
	f.Fuzz(func(t *testing.T, b []byte) { encodesAgain(t, "reply", b) })
}

// Nobody but the operator makes a credential; the one that is known has one form.
func FuzzCredential(f *testing.F) {
	known := sign(f, credential)
	f.Add(known)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := VerifyCredential(b, operator(), time.Unix(0, 0)); err == nil && !bytes.Equal(b, known) {
			t.Errorf("%x is a credential: %v", b, c)
		}
	})
}

// Frames are read until the stream ends, and written they are the stream again.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x00\x00\x01b"), false)
	f.Add([]byte("\x00\x00\x00\x01b"), true)
	f.Fuzz(func(t *testing.T, b []byte, wide bool) {
		r := bytes.NewReader(b)
		read, write := ReadFrame16, WriteFrame16
		if wide {
			read, write = func(r io.Reader) ([]byte, error) { return ReadFrame32(r, 1000) }, WriteFrame32
		}
		var out bytes.Buffer
		for {
			body, err := read(r)
			if err != nil {
				break
			}
			if err := write(&out, body); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(b, out.Bytes()) {
			t.Errorf("%x was read as %x", b, out.Bytes())
		}
	})
}
