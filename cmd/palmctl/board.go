package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"volar/boards"
)

func newBoardCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "board",
		Short: "Check the descriptor of a board",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBoardCheckCommand())
	return c
}

func newBoardCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Name every gap of a board.json and of the folder around it",
		Long: `check reads a board.json as device, image builder and flasher read it, and names everything that is
wrong or missing, not the first: fields, values that no board can have, outputs that are used twice,
lamps that could not be lit long enough, and files that the folder needs. boards/README.md lists the
fields; boards/rpi4 is an example to begin from.`,
		Example: `  palmctl board check boards/rpi4/board.json
  palmctl board check --json ../ourboard/board.json`,
		Args: exactly(1, "a board.json"),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := checkBoard(args[0])
			if err != nil {
				return err
			}
			if err := show(c, r, r.text); err != nil {
				return err
			}
			if len(r.Gaps) > 0 {
				return hint(fmt.Errorf("%s: %s", args[0], count(len(r.Gaps), "gap")), "boards/README.md says what each field may be; run this again when they are closed")
			}
			return nil
		},
	}
}

// boardReport is what a check found.
type boardReport struct {
	File  string           `json:"file"`
	Board string           `json:"board,omitempty"` // where it could be read
	About string           `json:"about,omitempty"`
	Gaps  []boards.Problem `json:"gaps"`
}

// maxBoard is what is read of a file: enough to see that it is too long.
const maxBoard = 64<<10 + 1

func checkBoard(path string) (boardReport, error) {
	r := boardReport{File: path, Gaps: []boards.Problem{}}
	f, err := os.Open(path)
	if err != nil {
		return r, usage(err, "name the board.json in the board's folder")
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBoard))
	if err != nil {
		return r, usage(err, "name the board.json in the board's folder")
	}
	b, err := boards.Parse(raw)
	var problems boards.Problems
	if errors.As(err, &problems) {
		r.Gaps = problems
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Board, r.About = b.Name, b.About
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return r, err
	}
	r.Gaps = append(r.Gaps, folderGaps(b, dir)...)
	return r, nil
}

// folderGaps names what the folder of a board lacks.
func folderGaps(b *boards.Board, dir string) (gaps []boards.Problem) {
	if name := filepath.Base(dir); name != b.Name {
		gaps = append(gaps, boards.Problem{Path: "/name", Says: fmt.Sprintf("%q, but the folder is %q", b.Name, name), Hint: "a board is found by its folder's name"})
	}
	for _, f := range boardFiles(b) {
		info, err := os.Stat(filepath.Join(dir, f.name))
		switch {
		case err != nil:
			gaps = append(gaps, boards.Problem{Path: f.name, Says: "missing: " + f.what, Hint: f.hint})
		case !info.Mode().IsRegular() || info.Size() == 0:
			gaps = append(gaps, boards.Problem{Path: f.name, Says: "is no file with something in it", Hint: f.hint})
		}
	}
	return gaps
}

// boardFile is a file that a board's folder holds.
type boardFile struct{ name, what, hint string }

func boardFiles(b *boards.Board) []boardFile {
	files := []boardFile{{"README.md", "wiring, limits of the lamps, boot switch, troubleshooting", "boards/rpi4/README.md has the chapters"}}
	if b.Boot == nil {
		return files
	}
	files = append(files,
		boardFile{"u-boot.cfg", "what the boot loader is configured with", "begin from boards/qemu-virt/u-boot.cfg"},
		boardFile{"boot.env", "the boot script", "begin from boards/qemu-virt/boot.env"})
	if b.Boot.FAT || b.Boot.Loader != 0 {
		files = append(files, boardFile{"blobs.lock", "what the chip needs and we do not build, each with its SHA-256", "boards/README.md says what a line is"})
	}
	for _, o := range b.Boot.Overlays {
		files = append(files, boardFile{o, "a device-tree overlay that /boot/overlays names", "dtc -@ compiles it; boards/rpi4/wiring.dtso is an example"})
	}
	return files
}

func (r boardReport) text(w io.Writer) {
	if len(r.Gaps) == 0 {
		fmt.Fprintf(w, "board %s: %s\nno gaps: device, image builder and flasher read it\n", r.Board, r.About)
		return
	}
	for i, g := range r.Gaps {
		fmt.Fprintf(w, "%3d  %s\n", i+1, g)
		if g.Hint != "" {
			fmt.Fprintf(w, "     hint: %s\n", g.Hint)
		}
	}
}

// count is "1 gap", "2 gaps".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
