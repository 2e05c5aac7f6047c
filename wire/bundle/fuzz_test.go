package bundle

import (
	"bytes"
	"io"
	"testing"

	"volar/wire/signed"
)

// Nobody but the release key makes a manifest.
func FuzzOpen(f *testing.F) {
	head := must(small().Sign(key))
	f.Add(head)
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Open(b, public()); err == nil && !bytes.Equal(b, head) {
			t.Errorf("%x opens as %+v", b, m)
		}
	})
}

// What the release key signs is a manifest in its one form, or refused.
func FuzzManifest(f *testing.F) {
	head := must(small().Sign(key))
	f.Add(must(signed.Open(public(), purpose, head)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) == 0 {
			return
		}
		b := must(signed.Sign(key, purpose, payload))
		m, err := Open(b, public())
		if err != nil {
			return
		}
		if again, err := m.Sign(key); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x opens as %+v and is signed as another (%v)", payload, m, err)
		}
	})
}

func FuzzHead(f *testing.F) {
	var b bytes.Buffer
	if err := WriteHead(&b, must(small().Sign(key))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		head, err := Head(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteHead(&again, head); err != nil || !bytes.HasPrefix(b, again.Bytes()) || int64(again.Len()) != HeadSize(head) {
			t.Errorf("%x is read as another (%v)", b, err)
		}
	})
}

// Whatever a packed part says, it ends, with no more bytes than it names, and
// with no bytes that are not the signed ones.
func FuzzUnpack(f *testing.F) {
	base := program(8, 3000)
	now := append(bytes.Clone(base[:1500]), program(9, 2000)...)
	for _, from := range [][]byte{nil, base} {
		f.Add(must(pack(f.Context(), now, from, func(int64) {})))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Part{Size: uint64(len(now)), Packed: uint64(len(b)), BaseSize: uint64(len(base)), Hash: [32]byte{1}}
		n, err := io.Copy(io.Discard, p.Unpack(bytes.NewReader(b), bytes.NewReader(base)))
		if err == nil || n > int64(len(now)) {
			t.Errorf("%d bytes came out, %v", n, err)
		}
	})
}
