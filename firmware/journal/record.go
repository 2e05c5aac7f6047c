package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"time"

	"volar/wire/canonical"
)

// Limits of a line, in bytes.
const (
	maxText   = 512
	maxSource = 16
	maxRecord = 1 << 10
)

// kind is what a record says. The zero kind is invalid.
type kind uint8

const (
	kindBegin kind = 1 + iota // a run begins; the text says what runs
	kindLine
	kindEnd // a run ends as it was meant to; the text says why
)

// Line is one line of the journal.
type Line struct {
	Seq    uint64        `json:"seq"`   // grows by one with every line, over all runs
	Run    uint64        `json:"run"`   // grows by one with every start
	At     time.Time     `json:"at"`    // by the unit's clock, which may have been wrong
	Up     time.Duration `json:"up_ns"` // since the run began
	Level  slog.Level    `json:"level"`
	Source string        `json:"source"`
	Text   string        `json:"text"`
	Mark   string        `json:"mark,omitempty"` // "began" or "ended" on the first and the last line of a run
}

// kind is the inverse of marks.
func (l Line) kind() kind {
	switch l.Mark {
	case marks[kindBegin]:
		return kindBegin
	case marks[kindEnd]:
		return kindEnd
	}
	return kindLine
}

var marks = [...]string{kindBegin: "began", kindLine: "", kindEnd: "ended"}

// form is a line as CBOR.
type form struct {
	_      struct{} `cbor:",toarray"`
	Kind   kind
	Seq    uint64
	Run    uint64
	At     int64 // milliseconds since 1970
	Up     int64 // milliseconds
	Level  int8
	Source string
	Text   string
}

var codec = canonical.New(4, 16)

// table is CRC-32C, which hardware computes.
var table = crc32.MakeTable(crc32.Castagnoli)

// headSize is the length of a record's head: its length and its checksum.
const headSize = 6

// frame appends a record: length of the body (16 bits, big-endian), CRC-32C
// of length and body, body.
func frame(b []byte, l Line) []byte {
	body, err := codec.Marshal(form{Kind: l.kind(), Seq: l.Seq, Run: l.Run, At: l.At.UnixMilli(), Up: l.Up.Milliseconds(),
		Level: int8(max(-128, min(l.Level, 127))), Source: l.Source, Text: l.Text})
	if err != nil || len(body) > maxRecord {
		return b // cannot be: source and text are valid UTF-8, and bounded
	}
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	sum := crc32.Update(crc32.Checksum(b[at:], table), table, body)
	b = binary.BigEndian.AppendUint32(b, sum)
	return append(b, body...)
}

var errTorn = errors.New("journal: not a whole record")

// parse reads the record at the beginning of b and tells how long it is.
func parse(b []byte) (l Line, n int, err error) {
	if len(b) < headSize {
		return l, 0, errTorn
	}
	size := int(binary.BigEndian.Uint16(b))
	if size > maxRecord || len(b) < headSize+size {
		return l, 0, errTorn
	}
	body := b[headSize : headSize+size]
	if crc32.Update(crc32.Checksum(b[:2], table), table, body) != binary.BigEndian.Uint32(b[2:]) {
		return l, 0, errTorn
	}
	var f form
	if err := codec.Unmarshal(body, &f); err != nil {
		return l, 0, errTorn
	}
	if f.Kind < kindBegin || f.Kind > kindEnd || len(f.Text) > maxText || len(f.Source) > maxSource {
		return l, 0, errTorn
	}
	return Line{Seq: f.Seq, Run: f.Run, At: time.UnixMilli(f.At).UTC(), Up: time.Duration(f.Up) * time.Millisecond,
		Level: slog.Level(f.Level), Source: f.Source, Text: f.Text, Mark: marks[f.Kind]}, headSize + size, nil
}

// parseAll reads the records of a file. What is none is passed over, byte by
// byte, so that a bad block costs what was in it and no more; torn tells
// whether there was any.
func parseAll(b []byte) (all []Line, torn bool) {
	for len(b) > 0 {
		l, n, err := parse(b)
		if err != nil {
			torn, b = true, b[1:]
			continue
		}
		all, b = append(all, l), b[n:]
	}
	return all, torn
}
