package tape

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
)

// FuzzRead: any bytes end in io.EOF or one of the three errors, and what was
// read can be written again.
func FuzzRead(f *testing.F) {
	b := write(f, items()[:3])
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte(nil))
	f.Add([]byte("\x89PNG\r\n"))
	f.Add(b[:len(mcap.Magic)])
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := readAll(b)
		if err != io.EOF && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
			t.Fatalf("an error of no kind: %v", err)
		}
		if len(list) == 0 {
			return
		}
		write(t, list)
	})
}

// FuzzChunk: as FuzzRead, but past the checksums that stop a fuzzer there.
func FuzzChunk(f *testing.F) {
	plain := unpackAll(f, write(f, items()))
	f.Add(plain)
	f.Fuzz(func(t *testing.T, plain []byte) {
		var b bytes.Buffer
		w, err := mcap.NewWriter(&b, &mcap.WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.WriteHeader(&mcap.Header{Profile: profile}), w.WriteMetadata(&mcap.Metadata{
			Name: metaName, Metadata: map[string]string{"version": "1", "board": "sim", "synthetic": "true"}})); err != nil {
			t.Fatal(err)
		}
		c := &mcap.Chunk{UncompressedSize: uint64(len(plain)), Records: plain}
		if err := errors.Join(w.WriteChunkWithIndexes(c, nil), w.Close()); err != nil {
			t.Fatal(err)
		}
		list, err := readAll(b.Bytes())
		if err != io.EOF && !errors.Is(err, ErrDamaged) {
			t.Fatalf("an error of another kind: %v", err)
		}
		write(t, list)
	})
}

// unpackAll joins the contents of all chunks.
func unpackAll(f *testing.F, b []byte) (plain []byte) {
	r := records{r: bytes.NewReader(b[len(mcap.Magic):])}
	u, err := newUnpacker()
	if err != nil {
		f.Fatal(err)
	}
	for {
		op, body, err := r.next()
		if err != nil || op == mcap.OpFooter {
			return plain
		}
		if op == mcap.OpChunk {
			p, err := u.unpack(body)
			if err != nil {
				f.Fatal(err)
			}
			plain = append(plain, p...)
		}
	}
}
