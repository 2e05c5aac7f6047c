// Package eval measures the product's own matcher on sets of palm images:
// it reads a manifest, scores probes against a gallery, and reports error
// rates with their confidence bounds as JSON and as one HTML page.
package eval

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"volar/wire"
)

// Kind is what a manifest's image shows.
type Kind uint8

// The kinds of image.
const (
	ROI   Kind = 1 + iota // a square crop of the palm
	Whole                 // a whole hand, from which the palm is still to be cut
)

// A Row is one image of a manifest.
type Row struct {
	Line             int // in the manifest, from 1
	Palm, Person     string
	Hand             wire.Hand // 0 where the manifest does not say
	Session, Capture int
	Band             string // as the set names it
	Kind             Kind
	Path             string
}

// Limits of a manifest.
const (
	MaxManifestBytes = 64 << 20
	MaxRows          = 1 << 20
	maxField         = 512 // bytes
	maxNumber        = 1 << 20
)

// columns of a manifest, all needed, in any order.
var columns = []string{"palm", "person", "hand", "session", "capture", "band", "kind", "path"}

// ReadManifest opens a manifest and checks that every image is there. Paths
// are taken from the manifest's folder.
func ReadManifest(path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("eval: open manifest: %w", err)
	}
	defer f.Close()
	rows, err := ParseManifest(f)
	if err != nil {
		return nil, fmt.Errorf("%w (manifest %s)", err, path)
	}
	for i := range rows {
		if !filepath.IsAbs(rows[i].Path) {
			rows[i].Path = filepath.Join(filepath.Dir(path), rows[i].Path)
		}
		info, err := os.Stat(rows[i].Path)
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("not a file")
		}
		if err != nil {
			return nil, fmt.Errorf("eval: manifest %s: row %d: image %s: %w", path, rows[i].Line, rows[i].Path, err)
		}
	}
	return rows, nil
}

// ParseManifest reads the CSV of a manifest; the paths stay as they are. The
// order of the columns is free; a column of another name is an error, and so
// are two rows for one band of one capture.
func ParseManifest(r io.Reader) ([]Row, error) {
	bounded := &io.LimitedReader{R: r, N: MaxManifestBytes + 1}
	in := csv.NewReader(bounded)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("eval: read manifest's first row: %w", err)
	}
	at, err := columnsOf(head)
	if err != nil {
		return nil, err
	}
	var rows []Row
	seen := map[string]int{}
	for {
		record, err := in.Read()
		if bounded.N == 0 {
			return nil, fmt.Errorf("eval: read manifest: longer than %d bytes", MaxManifestBytes)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("eval: read manifest: %w", err)
		}
		line, _ := in.FieldPos(0)
		if len(rows) == MaxRows {
			return nil, fmt.Errorf("eval: read manifest: row %d: more than %d rows", line, MaxRows)
		}
		row, err := parseRow(record, at)
		if err != nil {
			return nil, fmt.Errorf("eval: read manifest: row %d: %w", line, err)
		}
		row.Line = line
		key := fmt.Sprintf("%q %d %d %q", row.Palm, row.Session, row.Capture, row.Band)
		if first, twice := seen[key]; twice {
			return nil, fmt.Errorf("eval: read manifest: row %d: the same palm, session, capture and band as row %d", line, first)
		}
		seen[key] = line
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, errors.New("eval: read manifest: no rows")
	}
	return rows, nil
}

// columnsOf finds each of columns in the first row.
func columnsOf(head []string) (map[string]int, error) {
	at := map[string]int{}
	for i, name := range head {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("eval: read manifest: column %q is unknown, want %s", name, strings.Join(columns, ","))
		}
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("eval: read manifest: column %q twice", name)
		}
		at[name] = i
	}
	for _, name := range columns {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("eval: read manifest: column %q is missing, want %s", name, strings.Join(columns, ","))
		}
	}
	return at, nil
}

func parseRow(record []string, at map[string]int) (Row, error) {
	for name, i := range at {
		if len(record[i]) > maxField {
			return Row{}, fmt.Errorf("%s is longer than %d bytes", name, maxField)
		}
	}
	text := func(name string) string { return strings.Clone(record[at[name]]) }
	row := Row{Palm: text("palm"), Person: text("person"), Band: text("band"), Path: text("path")}
	for _, name := range []string{"palm", "band", "path"} {
		if record[at[name]] == "" {
			return Row{}, fmt.Errorf("%s is empty", name)
		}
	}
	var err error
	if row.Session, err = parseNumber("session", text("session")); err != nil {
		return Row{}, err
	}
	if row.Capture, err = parseNumber("capture", text("capture")); err != nil {
		return Row{}, err
	}
	switch hand := text("hand"); hand {
	case "":
	case "l", "left":
		row.Hand = wire.Left
	case "r", "right":
		row.Hand = wire.Right
	default:
		return Row{}, fmt.Errorf("hand %q, want l, r or nothing", hand)
	}
	switch kind := text("kind"); kind {
	case "roi":
		row.Kind = ROI
	case "hand":
		row.Kind = Whole
	default:
		return Row{}, fmt.Errorf("kind %q, want roi or hand", kind)
	}
	return row, nil
}

func parseNumber(name, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxNumber {
		return 0, fmt.Errorf("%s %q, want a number from 0 to %d", name, text, maxNumber)
	}
	return n, nil
}
