package tape

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"volar/hal"
)

// A frame is a foxglove.RawImage in Protocol Buffers, which keeps the sensor's
// bytes as they are and which viewers know.
// https://github.com/foxglove/foxglove-sdk schemas/proto/foxglove/RawImage.proto
const (
	imageTime     = 1 // google.protobuf.Timestamp
	imageWidth    = 2 // fixed32
	imageHeight   = 3 // fixed32
	imageEncoding = 4 // string
	imageStep     = 5 // fixed32
	imageData     = 6 // bytes
	imageFrameID  = 7 // string
)

// encodings names the formats as RawImage does. mono16 is little endian, as Y10.
var encodings = map[hal.Format]string{hal.RGB24: "rgb8", hal.Y8: "mono8", hal.Y10: "mono16"}

// marshalImage writes f; Seq and Exposure travel elsewhere.
func marshalImage(f *hal.Frame) []byte {
	b := make([]byte, 0, len(f.Pix)+128)
	b = putBytes(b, imageTime, marshalTime(f.At))
	b = putFixed32(b, imageWidth, uint32(f.Width))
	b = putFixed32(b, imageHeight, uint32(f.Height))
	b = putBytes(b, imageEncoding, encodings[f.Format])
	b = putFixed32(b, imageStep, uint32(f.Stride))
	b = putBytes(b, imageData, f.Pix)
	return putBytes(b, imageFrameID, f.Band.String())
}

// marshalTime is a google.protobuf.Timestamp.
func marshalTime(at time.Duration) []byte {
	return putVarint(putVarint(nil, 1, uint64(at/time.Second)), 2, uint64(at%time.Second))
}

// unmarshalImage reads what marshalImage wrote. Pix is a copy.
func unmarshalImage(b []byte) (f hal.Frame, err error) {
	err = eachField(b, imageKinds, func(p protoField) (err error) {
		switch p.field {
		case imageTime:
			f.At, err = unmarshalTime(p.data)
		case imageWidth:
			f.Width = int(p.num)
		case imageHeight:
			f.Height = int(p.num)
		case imageStep:
			f.Stride = int(p.num)
		case imageEncoding:
			f.Format, err = parseEncoding(string(p.data))
		case imageData:
			f.Pix = append([]byte(nil), p.data...)
		case imageFrameID:
			f.Band, err = parseBand(string(p.data))
		}
		return err
	})
	if err != nil {
		return f, fmt.Errorf("tape: read image: %w", err)
	}
	return f, f.Check()
}

var imageKinds = []protowire.Type{
	imageTime: protowire.BytesType, imageWidth: protowire.Fixed32Type, imageHeight: protowire.Fixed32Type, imageEncoding: protowire.BytesType,
	imageStep: protowire.Fixed32Type, imageData: protowire.BytesType, imageFrameID: protowire.BytesType,
}

func unmarshalTime(b []byte) (time.Duration, error) {
	var part [3]uint64 // seconds, then nanoseconds
	err := eachField(b, []protowire.Type{1: protowire.VarintType, 2: protowire.VarintType}, func(p protoField) error {
		part[p.field] = p.num
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("time: %w", err)
	}
	if part[1] > 1<<32 || part[2] >= uint64(time.Second) {
		return 0, fmt.Errorf("taken %d s %d ns after boot", part[1], part[2])
	}
	return time.Duration(part[1])*time.Second + time.Duration(part[2]), nil
}

func parseEncoding(s string) (hal.Format, error) {
	for f, name := range encodings {
		if s == name {
			return f, nil
		}
	}
	return 0, fmt.Errorf("unknown encoding %.32q", s)
}

func parseBand(s string) (hal.Band, error) {
	for b := hal.RGB; b <= hal.NIR; b++ {
		if s == b.String() {
			return b, nil
		}
	}
	return 0, fmt.Errorf("unknown camera %.32q", s)
}

// Numbers of google.protobuf.FieldDescriptorProto.Type.
const (
	typeInt64   = 3
	typeInt32   = 5
	typeFixed32 = 7
	typeString  = 9
	typeMessage = 11
	typeBytes   = 12
)

// imageSchema is the google.protobuf.FileDescriptorSet of RawImage and of the
// Timestamp in it, which MCAP wants as the schema of its messages.
func imageSchema() []byte {
	const stamp = "google/protobuf/timestamp.proto"
	set := putBytes(nil, 1, describeFile(stamp, "google.protobuf", "", "Timestamp", []schemaField{{"seconds", 1, typeInt64}, {"nanos", 2, typeInt32}}))
	return putBytes(set, 1, describeFile("foxglove/RawImage.proto", "foxglove", stamp, "RawImage", []schemaField{
		{"timestamp", imageTime, typeMessage}, {"frame_id", imageFrameID, typeString},
		{"width", imageWidth, typeFixed32}, {"height", imageHeight, typeFixed32},
		{"encoding", imageEncoding, typeString}, {"step", imageStep, typeFixed32}, {"data", imageData, typeBytes},
	}))
}

// schemaField is a field of a message; one that is a message is a Timestamp.
type schemaField struct {
	name         string
	number, kind uint64
}

// describeFile is the FileDescriptorProto of a file with one message.
func describeFile(name, pkg, dependency, message string, fields []schemaField) []byte {
	m := putBytes(nil, 1, message)
	for _, l := range fields {
		f := putBytes(nil, 1, l.name)
		f = putVarint(f, 3, l.number)
		f = putVarint(f, 4, 1) // optional
		f = putVarint(f, 5, l.kind)
		if l.kind == typeMessage {
			f = putBytes(f, 6, ".google.protobuf.Timestamp")
		}
		m = putBytes(m, 2, f)
	}
	f := putBytes(putBytes(nil, 1, name), 2, pkg)
	if dependency != "" {
		f = putBytes(f, 3, dependency)
	}
	return putBytes(putBytes(f, 4, m), 12, "proto3")
}
