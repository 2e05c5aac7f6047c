package tape

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"volar/hal"
)

func TestForeignFilesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, head, want string }{
		{"png", "\x89PNG\r\n\x1a\n0000", "a PNG picture"},
		{"jpeg", "\xff\xd8\xff\xe0 0000", "a JPEG picture"},
		{"mp4", "\x00\x00\x00\x18ftypisom", "an MP4 video"},
		{"rosbag", "#ROSBAG V2.0\n", "a ROS 1 bag"},
		{"rosbag2", "SQLite format 3\x00", "an SQLite database"},
		{"manifest", "palm,person,hand,session,capture,band,kind,path\n", "a manifest of images"},
		{"text", "hello, tape", "a text"},
		{"noise", "\x01\x02\xff\xfe\xfd\x00\x00\x00\x00", "no MCAP file"},
		{"next MCAP", "\x89MCAP1\r\n", "an MCAP file of a version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(strings.NewReader(c.head))
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "palmsim") {
				t.Errorf("Open = %v, want ErrForeign, %q and what to do", err, c.want)
			}
		})
	}
}

// otherMCAP is an MCAP file of another program.
func otherMCAP(t *testing.T, profile string, edit func(*mcap.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := mcap.NewWriter(&b, &mcap.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteHeader(&mcap.Header{Profile: profile}); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(w)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestForeignMCAP(t *testing.T) {
	_, err := Open(bytes.NewReader(otherMCAP(t, "ros2", nil)))
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `profile "ros2"`) {
		t.Errorf("profile ros2: %v", err)
	}
	_, err = Open(bytes.NewReader(otherMCAP(t, profile, nil)))
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("no metadata: %v", err)
	}
	future := otherMCAP(t, profile, func(w *mcap.Writer) {
		if err := w.WriteMetadata(&mcap.Metadata{Name: metaName, Metadata: map[string]string{"version": "2"}}); err != nil {
			t.Fatal(err)
		}
	})
	if _, err = Open(bytes.NewReader(future)); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `version "2"`) {
		t.Errorf("version 2: %v", err)
	}
}

// repacked is the tape of items as another tool might write it: other chunks,
// no compression, channels with other numbers, metadata and topics added.
func repacked(t *testing.T) []byte {
	t.Helper()
	r, err := mcap.NewReader(bytes.NewReader(write(t, items())))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := mcap.NewWriter(&b, &mcap.WriterOptions{IncludeCRC: true, Chunked: true, ChunkSize: 1000, Compression: mcap.CompressionNone})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.WriteHeader(&mcap.Header{Profile: profile}))
	must(w.WriteMetadata(&mcap.Metadata{Name: "note", Metadata: map[string]string{"by": "another tool"}}))
	must(w.WriteMetadata(&mcap.Metadata{Name: metaName, Metadata: map[string]string{
		"version": "1", "board": "sim", "unit": "unit-1", "firmware": "0.1", "consent": "", "synthetic": "true"}}))
	must(w.WriteChannel(&mcap.Channel{ID: 7, Topic: "/theirs", MessageEncoding: "json"}))
	must(w.WriteMessage(&mcap.Message{ChannelID: 7, Data: []byte("{}")}))
	it, err := r.Messages(mcap.InOrder(mcap.FileOrder))
	must(err)
	known := map[uint16]bool{}
	for {
		s, c, m, err := it.NextInto(nil)
		if err == io.EOF {
			break
		}
		must(err)
		theirs := *c
		theirs.ID += 100
		m.ChannelID = theirs.ID
		if !known[theirs.ID] {
			known[theirs.ID] = true
			must(w.WriteSchema(s))
			must(w.WriteChannel(&theirs))
		}
		must(w.WriteMessage(m))
	}
	must(w.Close())
	return b.Bytes()
}

func TestRepackedTape(t *testing.T) {
	b := repacked(t)
	got, err := readAll(b)
	if err != io.EOF || !reflect.DeepEqual(got, items()) {
		t.Errorf("%d items, %v", len(got), err)
	}
	// Without compression nothing but the chunk's own sum covers a pixel.
	n := bytes.Index(b, items()[1].Shot.NIR.Pix)
	b[n] ^= 1
	got, err = readAll(b)
	if !errors.Is(err, ErrDamaged) || len(got) > 1 {
		t.Errorf("a changed pixel: %d items, %v", len(got), err)
	}
}

// The library reads our tapes through their index, as viewers do.
func TestIndexIsSound(t *testing.T) {
	r, err := mcap.NewReader(bytes.NewReader(write(t, items())))
	if err != nil {
		t.Fatal(err)
	}
	info, err := r.Info()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for id, n := range info.Statistics.ChannelMessageCounts {
		got[info.Channels[id].Topic] = n
	}
	for topic, n := range map[string]uint64{"/shot": 4, "/rgb": 4, "/nir": 4, "/event": 2, "/decision": 1, "/label": 1, "/still": 1} {
		if got[topic] != n {
			t.Errorf("%s has %d messages in the index, want %d", topic, got[topic], n)
		}
	}
	m, err := r.GetMetadata(info.MetadataIndexes[0].Offset)
	if err != nil || m.Metadata["board"] != "sim" {
		t.Errorf("metadata through the index: %v, %v", m, err)
	}
	a, err := r.GetAttachmentReader(info.AttachmentIndexes[0].Offset)
	if err != nil || a.Name != calibrationName {
		t.Errorf("attachment through the index: %v, %v", a, err)
	}
	it, err := r.Messages(mcap.UsingIndex(true), mcap.WithTopics([]string{"/nir"}))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		_, c, m, err := it.NextInto(nil)
		if err != nil || c.Topic != "/nir" || m.Sequence != uint32(n+1) {
			t.Errorf("message %d through the index: %v, %v", n, m, err)
		}
	}
}

// The official library reads our images by the schema in the tape.
func TestImagesAreProtobuf(t *testing.T) {
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(imageSchema(), set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName("foxglove.RawImage")
	if err != nil {
		t.Fatal(err)
	}
	fields := d.(protoreflect.MessageDescriptor).Fields()
	for _, f := range []*hal.Frame{&shot(0, 0).RGB, &shot(0, 0).NIR, &shot(1, 0).NIR} {
		m := dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
		if err := proto.Unmarshal(marshalImage(f), m); err != nil {
			t.Fatal(err)
		}
		get := func(name protoreflect.Name) protoreflect.Value { return m.Get(fields.ByName(name)) }
		if len(m.GetUnknown()) != 0 {
			t.Error("there are fields that the schema lacks")
		}
		if get("width").Uint() != 8 || get("height").Uint() != 6 || get("step").Uint() != uint64(f.Stride) ||
			!bytes.Equal(get("data").Bytes(), f.Pix) || get("frame_id").String() != f.Band.String() || get("encoding").String() != encodings[f.Format] {
			t.Errorf("the library reads %v", m)
		}
		stamp := get("timestamp").Message()
		if ns := stamp.Get(stamp.Descriptor().Fields().ByName("nanos")).Int(); ns != int64(f.At) {
			t.Errorf("taken at %d ns, want %d", ns, f.At)
		}
		// And we read what the library writes, in its order of fields.
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := unmarshalImage(b)
		if err != nil || !bytes.Equal(back.Pix, f.Pix) || back.At != f.At {
			t.Errorf("unmarshalImage of the library's bytes: %v", err)
		}
	}
}

func TestImageRefuses(t *testing.T) {
	good := marshalImage(&shot(0, 0).NIR)
	if _, err := unmarshalImage(good); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty":         nil,
		"field twice":   putFixed32(bytes.Clone(good), imageWidth, 8),
		"unknown field": putFixed32(bytes.Clone(good), 8, 8),
		"wrong kind":    protowire.AppendVarint(protowire.AppendTag(nil, imageWidth, protowire.VarintType), 8),
		"field zero":    {0, 0},
		"huge length":   {imageData<<3 | byte(protowire.BytesType), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"cut":           good[:len(good)-1],
		"odd band":      putBytes(nil, imageFrameID, "uv"),
		"odd encoding":  putBytes(nil, imageEncoding, "bgr8"),
		"far future":    putBytes(nil, imageTime, putVarint(nil, 1, 1<<60)),
	} {
		if f, err := unmarshalImage(b); err == nil {
			t.Errorf("%s: took %dx%d", name, f.Width, f.Height)
		}
	}
}
