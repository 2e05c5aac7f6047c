package tape

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// kinds of files that people offer by mistake, by how they begin.
var kinds = []struct{ prefix, what string }{
	{"\x89PNG", "a PNG picture"},
	{"\xff\xd8\xff", "a JPEG picture"},
	{"BM", "a BMP picture"},
	{"II*\x00", "a TIFF picture"},
	{"MM\x00*", "a TIFF picture"},
	{"\x1aE\xdf\xa3", "a Matroska or WebM video"},
	{"RIFF", "an AVI or WebP file"},
	{"#ROSBAG", "a ROS 1 bag"},
	{"SQLite format 3", "an SQLite database"},
	{"\x1f\x8b", "a gzip file"},
	{"\x28\xb5\x2f\xfd", "a zstd file"},
	{"\x89MCAP", "an MCAP file of a version not known here"},
	{"PK\x03\x04", "a ZIP archive"},
	{"\x7fELF", "a program"},
	{"%PDF", "a PDF document"},
	{"palm,", "a manifest of images"},
	{"{", "a JSON text"},
}

// foreign says what a file that is no tape seems to be, and what to do.
func foreign(head []byte) error {
	what := "no MCAP file"
	if len(head) >= 8 && bytes.Equal(head[4:8], []byte("ftyp")) {
		what = "an MP4 video"
	} else if i := firstKind(head); i >= 0 {
		what = kinds[i].what
	} else if utf8.Valid(head) {
		what = "a text"
	}
	return fmt.Errorf("%w but %s; make tapes with `palmsim record`, or from pictures with `palmsim import`", ErrForeign, what)
}

func firstKind(head []byte) int {
	for i, k := range kinds {
		if bytes.HasPrefix(head, []byte(k.prefix)) {
			return i
		}
	}
	return -1
}
