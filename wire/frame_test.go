package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// countWriter counts writes: a frame goes out in one, so that a host never
// sees a length without its body for longer than need be.
type countWriter struct {
	bytes.Buffer
	writes int
}

func (w *countWriter) Write(b []byte) (int, error) {
	w.writes++
	return w.Buffer.Write(b)
}

func TestFrames(t *testing.T) {
	for _, f := range []struct {
		name  string
		limit int
		write func(io.Writer, []byte) error
		read  func(io.Reader) ([]byte, error)
		head  int
	}{
		{"16", MaxFrame16, WriteFrame16, ReadFrame16, 2},
		{"32", MaxFrame32, WriteFrame32, func(r io.Reader) ([]byte, error) { return ReadFrame32(r, MaxFrame32) }, 4},
	} {
		t.Run(f.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 255, 256, f.limit} {
				var w countWriter
				body := bytes.Repeat([]byte{0x5a}, size)
				if err := f.write(&w, body); err != nil || w.writes != 1 || w.Len() != f.head+size {
					t.Fatalf("%d bytes: %d writes of %d bytes, %v", size, w.writes, w.Len(), err)
				}
				r := iotest.DataErrReader(&w)
				if got, err := f.read(r); err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes: read %d, %v", size, len(got), err)
				}
				if _, err := f.read(r); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
			}
			for _, size := range []int{0, f.limit + 1} {
				var w countWriter
				if err := f.write(&w, make([]byte, size)); !errors.Is(err, ErrFrameSize) || w.writes != 0 {
					t.Errorf("%d bytes: %v, %d writes", size, err, w.writes)
				}
			}
			var w bytes.Buffer
			f.write(&w, []byte{1, 2, 3})
			for n := 1; n < w.Len(); n++ {
				if _, err := f.read(bytes.NewReader(w.Bytes()[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("cut at %d: %v", n, err)
				}
			}
			if got, err := f.read(iotest.OneByteReader(bytes.NewReader(w.Bytes()))); err != nil || len(got) != 3 {
				t.Errorf("one byte at a time: %x, %v", got, err)
			}
			if _, err := f.read(bytes.NewReader(make([]byte, f.head))); !errors.Is(err, ErrFrameSize) {
				t.Errorf("length 0: %v", err)
			}
		})
	}
}

// A length is refused before its body is read, or memory taken for it.
func TestFrame32Limit(t *testing.T) {
	for _, c := range []struct {
		head  string
		limit int
	}{{"\xff\xff\xff\xff", MaxFrame32}, {"\x00\x10\x00\x01", MaxFrame32}, {"\x00\x10\x00\x01", 1 << 30},
		{"\x00\x00\x00\x05", 4}, {"\x00\x00\x00\x01", 0}, {"\x00\x00\x00\x01", -1}} {
		r := bytes.NewReader([]byte(c.head + "body"))
		if _, err := ReadFrame32(r, c.limit); !errors.Is(err, ErrFrameSize) || r.Len() != 4 {
			t.Errorf("%x, limit %d: %v, %d bytes left", c.head, c.limit, err, r.Len())
		}
	}
}

func TestFrameWriteError(t *testing.T) {
	broken := errors.New("broken")
	r, w := io.Pipe()
	r.CloseWithError(broken)
	if err := WriteFrame16(w, []byte{1}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := WriteFrame32(w, []byte{1}); !errors.Is(err, broken) {
		t.Error(err)
	}
}
