package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"volar/boards"
	"volar/wire/bootstate"
)

// What a check can say.
const (
	CheckOK      = "ok"
	CheckWrong   = "wrong"
	CheckSkipped = "skipped" // could not be looked at, because something before is wrong or a file is not there
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Says   string `json:"says"`
	Hint   string `json:"hint,omitempty"`
}

// Report is what Verify found.
type Report struct {
	Image    string    `json:"image"`
	OK       bool      `json:"ok"` // nothing is wrong
	Manifest *Manifest `json:"manifest,omitempty"`
	Checks   []Check   `json:"checks"`
}

// verifier carries an image from check to check.
type verifier struct {
	public Public
	tree   fs.FS
	dir    string
	name   string
	m      *Manifest
	board  *boards.Board
	disk   io.ReaderAt
	table  *Table
	fits   map[string]*FIT
	report *Report
}

// Verify checks an image before anyone writes it: where is the path of a
// folder that Build made, or of the .img or .img.zst in it; tree holds the
// boards. It looks at everything, whatever it finds; the error is for an image
// that cannot be read at all.
func Verify(ctx context.Context, where string, public Public, tree fs.FS) (*Report, error) {
	v := &verifier{public: public, tree: tree, fits: map[string]*FIT{}, report: &Report{Image: where, OK: true}}
	var err error
	if v.dir, v.name, err = split(where); err != nil {
		return nil, err
	}
	if v.manifest() {
		done, err := v.open(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
		v.files()
		v.layout()
		v.state()
		for _, slot := range []string{"a", "b"} {
			v.boot(slot)
			v.root(slot)
		}
		v.slots()
		v.cpu()
		v.blank()
		v.loader()
	}
	return v.report, ctx.Err()
}

func (v *verifier) add(name string, err error, says, hint string) bool {
	c := Check{Name: name, Result: CheckOK, Says: says}
	if err != nil {
		c.Result, c.Says, c.Hint = CheckWrong, strings.TrimPrefix(err.Error(), "image: "), hint
		v.report.OK = false
	}
	v.report.Checks = append(v.report.Checks, c)
	return err == nil
}

func (v *verifier) skip(name, why string) {
	v.report.Checks = append(v.report.Checks, Check{Name: name, Result: CheckSkipped, Says: why})
}

// manifest checks what says what the image is, and finds its board.
func (v *verifier) manifest() bool {
	m, err := ReadManifest(v.dir, v.public.Release)
	hint := "give the public keys that this release was signed with (--key); if they are right, do not use this image"
	if errors.Is(err, fs.ErrNotExist) {
		hint = "keep an image in the folder that it was built in, with manifest.json and manifest.json.sig"
	}
	says := ""
	if err == nil {
		says = fmt.Sprintf("%s %s, serial %d, floor %d, signed by %.8s…", m.Board, m.Version, m.Serial, m.Floor, m.UpdateKey)
	}
	if !v.add("manifest", err, says, hint) {
		return false
	}
	v.m, v.report.Manifest = m, m
	v.board, err = boards.Load(v.tree, m.Board)
	if err == nil && v.board.Boot == nil {
		err = fmt.Errorf("image: board %s is never flashed", m.Board)
	}
	if err == nil {
		says = v.board.About
	}
	return v.add("board", err, says, "take the boards' folder of the release that this image is of")
}

// open makes the image readable at any place: a compressed one is unpacked
// into a file that is deleted already.
func (v *verifier) open(ctx context.Context) (done func(), err error) {
	name := v.name
	if name == "" {
		name = v.m.Image.File
		if !isFile(filepath.Join(v.dir, name)) {
			name = v.m.Packed.File
		}
	}
	f, err := os.Open(filepath.Join(v.dir, name))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	v.report.Image = filepath.Join(v.dir, name)
	if !strings.HasSuffix(name, ".zst") {
		v.disk = f
		return func() { f.Close() }, nil
	}
	defer f.Close()
	plain, err := os.CreateTemp("", "volar-verify")
	if err != nil {
		return nil, fmt.Errorf("image: unpack: %w", err)
	}
	os.Remove(plain.Name())
	z, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(64*mib), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("image: unpack: %w", err)
	}
	defer z.Close()
	if _, err := io.Copy(plain, io.LimitReader(stoppable{ctx, z}, DiskSize+1)); err != nil {
		v.add("unpack", err, "", "fetch the file again")
	}
	v.disk = plain
	return func() { plain.Close() }, nil
}

// files compares what lies beside the image with the manifest.
func (v *verifier) files() {
	var missing []string
	checked := 0
	for _, p := range v.m.parts() {
		err := p.compare(v.dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, p.File)
		case err != nil:
			v.add("file "+p.File, err, "", "fetch it again, or build it again")
		default:
			checked++
		}
	}
	says := fmt.Sprintf("%d files have the size and SHA-256 of the manifest", checked)
	if len(missing) > 0 {
		says += "; not here: " + strings.Join(missing, ", ")
	}
	v.report.Checks = append(v.report.Checks, Check{Name: "files", Result: CheckOK, Says: says})
}

// layout checks size, both partition tables and where the parts lie.
func (v *verifier) layout() {
	end, err := v.disk.(io.Seeker).Seek(0, io.SeekEnd)
	if err == nil && end != DiskSize {
		err = fmt.Errorf("the image has %d bytes, want %d", end, DiskSize)
	}
	v.add("size", err, fmt.Sprintf("%d MiB", DiskSize/mib), "fetch it again: it was cut")
	const hint = "build the image again; this one cannot be flashed"
	t, err := v.readTables()
	if v.add("partition table", err, fmt.Sprintf("%d partitions, first copy and last", len(Layout(v.board.Boot))), hint) {
		v.table = t
	}
}

// readTables reads both copies and compares them with the board's layout.
func (v *verifier) readTables() (*Table, error) {
	t, err := ReadTable(v.disk, DiskSize)
	if err != nil {
		return nil, err
	}
	last, err := readBackup(v.disk, DiskSize)
	if err != nil {
		return nil, err
	}
	if t.Disk != DiskGUID(v.m.Board) || last.Disk != t.Disk || v.m.Disk != t.Disk.String() {
		return nil, fmt.Errorf("the disk is %v, one of board %s is %v", t.Disk, v.m.Board, DiskGUID(v.m.Board))
	}
	if want := Layout(v.board.Boot); !slices.Equal(t.Parts, want) || !slices.Equal(last.Parts, want) || !slices.Equal(v.m.Partitions, want) {
		return nil, fmt.Errorf("the partitions %v are not those of board %s: %v", t.Parts, v.m.Board, want)
	}
	return t, nil
}

// part is the bytes of a partition.
func (v *verifier) part(name string) *io.SectionReader {
	p, _ := v.table.Find(name)
	return io.NewSectionReader(v.disk, p.Start, p.Size)
}

// state checks that both slots may boot, and a first.
func (v *verifier) state() {
	const name = "boot state"
	if v.table == nil {
		v.skip(name, "no partition table")
		return
	}
	var err error
	for i, at := range bootstate.Offsets {
		b := make([]byte, bootstate.Size)
		_, err = v.part(PartBootState).ReadAt(b, at)
		if err != nil {
			break
		}
		var s bootstate.State
		if s, err = bootstate.Parse(b); err == nil && s != bootstate.Default() {
			err = fmt.Errorf("copy %d is %+v, want %+v", i+1, s, bootstate.Default())
		}
		if err != nil {
			err = fmt.Errorf("copy %d: %w", i+1, err)
			break
		}
	}
	v.add(name, err, "slot a first, both good, two copies", "build the image again")
}

// blank checks that a unit begins without keys and data.
func (v *verifier) blank() {
	if v.table == nil {
		v.skip("blank", "no partition table")
		return
	}
	var err error
	for _, name := range []string{PartUnit, PartData} {
		r := v.part(name)
		err = runs(r, r.Size(), piece, nil, func(from, _ int64) error {
			return fmt.Errorf("%s holds something at byte %d", name, from)
		})
		if err != nil {
			break
		}
	}
	v.add("blank", err, "no keys and no data", "this is a copy of a used unit, not an image")
}
