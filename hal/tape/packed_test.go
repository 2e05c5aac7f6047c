package tape

import (
	"bytes"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"volar/hal"
)

// noisy is a frame that no prediction fits, with rows longer than they need be.
func noisy(band hal.Band, format hal.Format, padding int) hal.Frame {
	const w, h = 23, 17
	f := hal.Frame{Band: band, Format: format, Width: w, Height: h, Stride: w*format.BytesPerPixel() + padding, Seq: 9, At: 3 * time.Second, Exposure: time.Millisecond}
	rng := rand.New(rand.NewPCG(1, 2))
	f.Pix = make([]byte, f.Stride*h)
	for i := range f.Pix {
		f.Pix[i] = byte(rng.Uint32())
		if format == hal.Y10 && i%2 == 1 {
			f.Pix[i] &= 3
		}
	}
	return f
}

// A packed tape has every sample of the frames that were put on it.
func TestPacked(t *testing.T) {
	for _, nir := range []hal.Format{hal.Y8, hal.Y10} {
		want := hal.Shot{RGB: noisy(hal.RGB, hal.RGB24, 0), NIR: noisy(hal.NIR, nir, 0), Light: hal.White}
		var tapes [2][]byte
		for i := range tapes {
			var b bytes.Buffer
			w, err := CreatePacked(&b, Meta{Board: "sim", Unit: "u", Synthetic: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Shot(&want); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			tapes[i] = b.Bytes()
		}
		if !bytes.Equal(tapes[0], tapes[1]) {
			t.Error("equal frames are packed into other bytes")
		}
		list, err := readAll(tapes[0])
		if err != io.EOF || len(list) != 1 || !reflect.DeepEqual(*list[0].Shot, want) {
			t.Errorf("%v: read back otherwise: %v", nir, err)
		}
	}
}

// Padding is no picture: it is left out.
func TestPackedPadding(t *testing.T) {
	f := noisy(hal.NIR, hal.Y8, 5)
	b, err := marshalPacked(&f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unmarshalPicture(b)
	if err != nil || got.Stride != got.Width || got.Pix[got.Stride] != f.Pix[f.Stride] {
		t.Errorf("%d bytes a row: %v", got.Stride, err)
	}
}

// FuzzPacked: any bytes are an error or a valid frame.
func FuzzPacked(f *testing.F) {
	for _, frame := range []hal.Frame{noisy(hal.RGB, hal.RGB24, 0), noisy(hal.NIR, hal.Y10, 0), noisy(hal.NIR, hal.Y8, 0)} {
		b, err := marshalPacked(&frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(marshalImage(&frame))
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := unmarshalPicture(b)
		if err == nil && frame.Check() != nil {
			t.Errorf("a frame that is none: %v", frame.Check())
		}
	})
}
