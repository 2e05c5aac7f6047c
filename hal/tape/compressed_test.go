package tape

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"reflect"
	"testing"

	"volar/hal"
)

// compress is a frame as a CompressedImage.
func compress(t testing.TB, f *hal.Frame) []byte {
	t.Helper()
	all := image.Rect(0, 0, f.Width, f.Height)
	var m interface {
		image.Image
		Set(x, y int, c color.Color)
	}
	switch f.Format {
	case hal.Y8:
		m = image.NewGray(all)
	case hal.Y10:
		m = image.NewGray16(all)
	default:
		m = image.NewRGBA(all)
	}
	for y := range f.Height {
		for x := range f.Width {
			p := f.Pix[y*f.Stride+x*f.Format.BytesPerPixel():]
			switch f.Format {
			case hal.Y8:
				m.Set(x, y, color.Gray{Y: p[0]})
			case hal.Y10:
				m.Set(x, y, color.Gray16{Y: uint16(p[0]) | uint16(p[1])<<8})
			default:
				m.Set(x, y, color.RGBA{p[0], p[1], p[2], 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	c := putBytes(nil, compressedTime, marshalTime(f.At))
	c = putBytes(c, compressedData, b.Bytes())
	c = putBytes(c, compressedFormat, "png")
	return putBytes(c, compressedFrameID, f.Band.String())
}

// A tape whose pictures are PNGs has every sample of them, and no padding.
func TestCompressed(t *testing.T) {
	b := repacked(t, func(topic string, data []byte) []byte {
		switch topic {
		case "/rgb", "/nir", "/still":
			f, err := unmarshalImage(data)
			if err != nil {
				t.Fatal(err)
			}
			return compress(t, &f)
		}
		return data
	})
	want := items()
	for _, i := range want {
		if i.Shot != nil {
			i.Shot.NIR = unpadded(i.Shot.NIR)
		}
	}
	got, err := readAll(b)
	if err != io.EOF || !reflect.DeepEqual(got, want) {
		t.Errorf("%d items, %v", len(got), err)
	}
}

// unpadded is f with rows that are no longer than they need be.
func unpadded(f hal.Frame) hal.Frame {
	row := f.Width * f.Format.BytesPerPixel()
	var pix []byte
	for y := range f.Height {
		pix = append(pix, f.Pix[y*f.Stride:][:row]...)
	}
	f.Stride, f.Pix = row, pix
	return f
}

// FuzzCompressed: any bytes are an error or a valid frame.
func FuzzCompressed(f *testing.F) {
	for _, s := range []*hal.Shot{shot(0, 0), shot(1, 0)} {
		for _, frame := range []hal.Frame{s.RGB, s.NIR} {
			b := compress(f, &frame)
			f.Add(b)
			f.Add(marshalImage(&frame))
			f.Add(b[:len(b)/2])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := unmarshalPicture(b)
		if err == nil && frame.Check() != nil {
			t.Errorf("a frame that is none: %v", frame.Check())
		}
	})
}
