package tape

import (
	"bytes"
	"fmt"
	"image"
	"image/png"

	"google.golang.org/protobuf/encoding/protowire"

	"volar/hal"
)

// A picture may be a foxglove.CompressedImage with a PNG in it. None is written:
// a RawImage in a zstd chunk is somewhat larger, and several times faster to
// write and to read.
// https://github.com/foxglove/foxglove-sdk schemas/proto/foxglove/CompressedImage.proto
const (
	compressedTime    = 1 // google.protobuf.Timestamp
	compressedData    = 2 // bytes
	compressedFormat  = 3 // string
	compressedFrameID = 4 // string
)

// unmarshalPicture reads a RawImage or a CompressedImage. Their second fields
// differ in kind.
func unmarshalPicture(b []byte) (hal.Frame, error) {
	for rest := b; len(rest) > 0; {
		p, after, err := nextField(rest)
		if err != nil {
			break
		}
		if p.field == compressedData && p.kind == protowire.BytesType {
			return unmarshalCompressed(b)
		}
		rest = after
	}
	return unmarshalImage(b)
}

func unmarshalCompressed(b []byte) (f hal.Frame, err error) {
	var data []byte
	err = eachField(b, compressedKinds, func(p protoField) (err error) {
		switch p.field {
		case compressedTime:
			f.At, err = unmarshalTime(p.data)
		case compressedData:
			data = p.data
		case compressedFormat:
			if string(p.data) != "png" {
				err = fmt.Errorf("unknown format %.32q", p.data)
			}
		case compressedFrameID:
			f.Band, err = parseBand(string(p.data))
		}
		return err
	})
	if err == nil {
		err = unpackPixels(data, &f)
	}
	if err != nil {
		return f, fmt.Errorf("tape: read compressed image: %w", err)
	}
	return f, f.Check()
}

var compressedKinds = []protowire.Type{
	compressedTime: protowire.BytesType, compressedData: protowire.BytesType, compressedFormat: protowire.BytesType, compressedFrameID: protowire.BytesType,
}

// unpackPixels decodes a PNG after its head has said that it is small enough.
func unpackPixels(data []byte, f *hal.Frame) error {
	head, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if head.Width < 1 || head.Height < 1 || head.Width > hal.MaxSide || head.Height > hal.MaxSide {
		return fmt.Errorf("%dx%d, allowed 1 to %d a side", head.Width, head.Height, hal.MaxSide)
	}
	r := bytes.NewReader(data)
	m, err := png.Decode(r)
	if err != nil {
		return err
	}
	if r.Len() > 0 {
		return fmt.Errorf("%d bytes after the picture", r.Len())
	}
	f.Width, f.Height = head.Width, head.Height
	switch m := m.(type) {
	case *image.Gray:
		f.Format, f.Stride, f.Pix = hal.Y8, m.Stride, m.Pix
	case *image.Gray16: // Y10 as it is, but for the order of the bytes
		f.Format, f.Stride, f.Pix = hal.Y10, m.Stride, m.Pix
		for i := 0; i+1 < len(f.Pix); i += 2 {
			f.Pix[i], f.Pix[i+1] = f.Pix[i+1], f.Pix[i]
		}
	case *image.RGBA:
		f.Format, f.Stride = hal.RGB24, 3*f.Width
		f.Pix = make([]byte, f.Stride*f.Height)
		for i := range f.Width * f.Height {
			copy(f.Pix[3*i:3*i+3], m.Pix[4*i:])
		}
	default:
		return fmt.Errorf("pixels of %T, known are 8 bit colour, 8 and 16 bit grey", m)
	}
	return nil
}
