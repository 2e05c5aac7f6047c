package flash

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Limits of a map.
const (
	maxMap    = 4 << 20
	maxRanges = 64 << 10
	maxImage  = 1 << 40
)

// Map says which bytes of an image matter: a .bmap file (bmap-tools, version 2.0).
type Map struct {
	Size   int64   // of the image, bytes
	Mapped int64   // bytes in all ranges
	Ranges []Range // in order, apart from each other, the first from 0
}

// Range is a part of an image that has to be written.
type Range struct {
	From, To int64 // bytes, To is behind the last
	Sum      [32]byte
}

type bmapForm struct {
	Version   string      `xml:"version,attr"`
	ImageSize string      `xml:"ImageSize"`
	BlockSize string      `xml:"BlockSize"`
	Sum       string      `xml:"ChecksumType"`
	Ranges    []rangeForm `xml:"BlockMap>Range"`
}

type rangeForm struct {
	Sum    string `xml:"chksum,attr"`
	Blocks string `xml:",chardata"`
}

// ParseMap reads a .bmap file. It refuses maps without SHA-256 sums, ranges
// out of order or beyond the image, and an image whose first block is a hole,
// which no disk's is.
func ParseMap(r io.Reader) (*Map, error) {
	m, err := parseMap(r)
	if err != nil {
		return nil, fmt.Errorf("flash: read the map: %w", err)
	}
	return m, nil
}

func parseMap(r io.Reader) (*Map, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxMap+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxMap {
		return nil, fmt.Errorf("it has more than %d bytes", maxMap)
	}
	var form bmapForm
	if err := xml.Unmarshal(raw, &form); err != nil {
		return nil, err
	}
	if major, _, _ := strings.Cut(form.Version, "."); major != "2" {
		return nil, fmt.Errorf("it has version %q, want 2.0", form.Version)
	}
	if sum := strings.TrimSpace(form.Sum); sum != "sha256" {
		return nil, fmt.Errorf("its sums are %q, want sha256", sum)
	}
	m := &Map{}
	if m.Size, err = number(form.ImageSize, maxImage); err != nil {
		return nil, fmt.Errorf("image size: %w", err)
	}
	block, err := number(form.BlockSize, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("block size: %w", err)
	}
	if block == 0 {
		return nil, errors.New("block size 0")
	}
	return m, m.take(form.Ranges, block)
}

func (m *Map) take(forms []rangeForm, block int64) error {
	if len(forms) < 1 || len(forms) > maxRanges {
		return fmt.Errorf("it has %d ranges, allowed 1 to %d", len(forms), maxRanges)
	}
	for i, f := range forms {
		from, to, found := strings.Cut(f.Blocks, "-")
		if !found {
			to = from
		}
		a, err := number(from, maxImage/block)
		if err != nil {
			return fmt.Errorf("range %d: %w", i, err)
		}
		b, err := number(to, maxImage/block)
		if err != nil {
			return fmt.Errorf("range %d: %w", i, err)
		}
		r := Range{From: a * block, To: min((b+1)*block, m.Size)}
		sum, err := hex.DecodeString(f.Sum)
		if err != nil || len(sum) != len(r.Sum) {
			return fmt.Errorf("range %d has the sum %.80q, want 64 hex digits", i, f.Sum)
		}
		r.Sum = [32]byte(sum)
		before := int64(0)
		if i > 0 {
			before = m.Ranges[i-1].To
		}
		if r.To <= r.From || r.From < before || i == 0 && r.From != 0 {
			return fmt.Errorf("range %d is %q: out of order, empty, or beyond the image's %d bytes", i, strings.TrimSpace(f.Blocks), m.Size)
		}
		m.Ranges = append(m.Ranges, r)
		m.Mapped += r.To - r.From
	}
	return nil
}

func number(s string, limit int64) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > limit {
		return 0, fmt.Errorf("%q is no number from 0 to %d", strings.TrimSpace(s), limit)
	}
	return n, nil
}
