package tape

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"

	"volar/hal"
)

// A packed tape has a foxglove.CompressedImage where others have a RawImage: a
// PNG, which keeps every sample and takes a third of the bytes. Rows have no
// padding on it.
// https://github.com/foxglove/foxglove-sdk schemas/proto/foxglove/CompressedImage.proto
const (
	packedTime    = 1 // google.protobuf.Timestamp
	packedData    = 2 // bytes
	packedFormat  = 3 // string
	packedFrameID = 4 // string
)

// CreatePacked is Create for a tape whose pictures are PNG: for those that are
// kept, since packing takes longer than a camera gives.
func CreatePacked(w io.Writer, meta Meta, cal *hal.Calibration) (*Writer, error) {
	return create(w, meta, cal, true)
}

// picture is the message of a frame.
func (t *Writer) picture(f *hal.Frame) ([]byte, error) {
	if !t.packed {
		return marshalImage(f), nil
	}
	return marshalPacked(f)
}

// packer prefers speed: the filters of PNG, which it has at any level, do most
// of the work.
var packer = png.Encoder{CompressionLevel: png.BestSpeed}

func marshalPacked(f *hal.Frame) ([]byte, error) {
	var b bytes.Buffer
	if err := packer.Encode(&b, asImage(f)); err != nil {
		return nil, fmt.Errorf("tape: pack image: %w", err)
	}
	var m []byte
	m = putBytes(m, packedTime, marshalTime(f.At))
	m = putBytes(m, packedData, b.Bytes())
	m = putBytes(m, packedFormat, "png")
	return putBytes(m, packedFrameID, f.Band.String()), nil
}

// asImage is a frame as package image has it: Gray16 holds Y10 as it is.
func asImage(f *hal.Frame) image.Image {
	all := image.Rect(0, 0, f.Width, f.Height)
	switch f.Format {
	case hal.Y8:
		return &image.Gray{Pix: f.Pix, Stride: f.Stride, Rect: all}
	case hal.Y10:
		m := image.NewGray16(all)
		for y := range f.Height {
			for x := range f.Width {
				p, q := f.Pix[y*f.Stride+2*x:], m.Pix[y*m.Stride+2*x:]
				q[0], q[1] = p[1], p[0]
			}
		}
		return m
	}
	m := image.NewRGBA(all)
	for y := range f.Height {
		for x := range f.Width {
			p, q := f.Pix[y*f.Stride+3*x:], m.Pix[y*m.Stride+4*x:]
			q[0], q[1], q[2], q[3] = p[0], p[1], p[2], 255
		}
	}
	return m
}

// unmarshalPicture reads a RawImage or a CompressedImage. Their second fields
// differ in kind.
func unmarshalPicture(b []byte) (hal.Frame, error) {
	for rest := b; len(rest) > 0; {
		p, after, err := nextField(rest)
		if err != nil {
			break
		}
		if p.field == packedData && p.kind == wireBytes {
			return unmarshalPacked(b)
		}
		rest = after
	}
	return unmarshalImage(b)
}

func unmarshalPacked(b []byte) (f hal.Frame, err error) {
	var seen [packedFrameID + 1]bool
	var data []byte
	for len(b) > 0 {
		var p protoField
		if p, b, err = nextField(b); err != nil {
			return f, fmt.Errorf("tape: read packed image: %w", err)
		}
		if p.field > packedFrameID || seen[p.field] || p.kind != wireBytes {
			return f, fmt.Errorf("tape: read packed image: field %d is unknown, mistyped or there twice", p.field)
		}
		seen[p.field] = true
		switch p.field {
		case packedTime:
			f.At, err = unmarshalTime(p.data)
		case packedData:
			data = p.data
		case packedFormat:
			if string(p.data) != "png" {
				err = fmt.Errorf("tape: read packed image: unknown format %.32q", p.data)
			}
		case packedFrameID:
			f.Band, err = parseBand(string(p.data))
		}
		if err != nil {
			return f, err
		}
	}
	if err := unpackPixels(data, &f); err != nil {
		return f, fmt.Errorf("tape: read packed image: %w", err)
	}
	return f, f.Check()
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
	case *image.Gray16:
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

// packedSchema is the google.protobuf.FileDescriptorSet of CompressedImage.
func packedSchema() []byte {
	return schemaOf("CompressedImage", []schemaField{
		{"timestamp", packedTime, typeMessage}, {"frame_id", packedFrameID, typeString},
		{"data", packedData, typeBytes}, {"format", packedFormat, typeString},
	})
}
