package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the formats that sets come in
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/spf13/cobra"
	_ "golang.org/x/image/bmp"

	"volar/eval"
	"volar/hal"
	"volar/hal/tape"
	"volar/wire"
)

// importer turns a set of pictures into tapes.
type importer struct {
	manifest  string
	out       string
	consent   string
	synthetic bool
	json      bool
	say       io.Writer
	log       io.Writer
}

func newImportCommand() *cobra.Command {
	m := importer{}
	c := &cobra.Command{
		Use:   "import --manifest FILE --out DIR --consent TEXT",
		Short: "Turn a folder of palm images into tapes",
		Long: `import reads a manifest (the CSV that eval reads: palm,person,hand,session,capture,band,kind,path)
and writes one tape a person, so that a person can be deleted by deleting a file. Each picture
becomes a still with its label: kind hand is a whole hand, kind roi a palm already cropped.

Pictures of real people need --consent: who agreed to what, and under which terms. It goes onto
every tape. --synthetic says that nobody real is on the pictures.

Stills have no lights and no pair, so they cannot be replayed through the firmware; eval reads the
manifest itself.

Exit codes: 0 imported, 1 a tape could not be written, 2 wrong usage, manifest or picture,
3 interrupted.`,
		Example: `  palmsim import --manifest palms.csv --out tapes --consent "own hands, 2026-11-21, tests only"`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			m.say, m.log = c.OutOrStdout(), c.ErrOrStderr()
			return m.run(c.Context())
		},
	}
	c.Flags().StringVar(&m.manifest, "manifest", "", "CSV `file` that lists the pictures")
	c.Flags().StringVar(&m.out, "out", "", "`folder` for the tapes; none of them may exist yet")
	c.Flags().StringVar(&m.consent, "consent", "", "who agreed to what; needed for pictures of real people")
	c.Flags().BoolVar(&m.synthetic, "synthetic", false, "nobody real is on the pictures")
	c.Flags().BoolVar(&m.json, "json", false, "print what was imported as JSON")
	for _, name := range []string{"manifest", "out"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared above
		}
	}
	return c
}

// imported is what import says at its end.
type imported struct {
	Tapes    int    `json:"tapes"`
	Pictures int    `json:"pictures"`
	Out      string `json:"out"`
}

func (m *importer) run(ctx context.Context) error {
	meta := tape.Meta{Board: "import", Firmware: "palmsim import", Consent: m.consent, Synthetic: m.synthetic}
	if err := meta.Check(); err != nil {
		return usageError{fmt.Errorf("import: %w; say --consent TEXT, or --synthetic where nobody real is on the pictures", err)}
	}
	rows, err := eval.ReadManifest(m.manifest)
	if err != nil {
		return usageError{err}
	}
	people, order := byPerson(rows)
	if err := os.MkdirAll(m.out, 0o755); err != nil {
		return usageError{err}
	}
	bar := newProgress(m.log, "pictures", len(rows))
	for _, person := range order {
		if err := m.tape(ctx, meta, person, people[person], bar); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	bar.end()
	done := imported{Tapes: len(order), Pictures: len(rows), Out: m.out}
	if m.json {
		return json.NewEncoder(m.say).Encode(done)
	}
	_, err = fmt.Fprintf(m.say, "%d pictures on %d tapes in %s\n", done.Pictures, done.Tapes, done.Out)
	return err
}

// byPerson groups the rows, in the order in which people come.
func byPerson(rows []eval.Row) (map[string][]eval.Row, []string) {
	people := map[string][]eval.Row{}
	var order []string
	for _, r := range rows {
		if people[r.Person] == nil {
			order = append(order, r.Person)
		}
		people[r.Person] = append(people[r.Person], r)
	}
	return people, order
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// tape writes the tape of one person, and leaves none behind that is not whole.
func (m *importer) tape(ctx context.Context, meta tape.Meta, person string, rows []eval.Row, bar *progressBar) error {
	if !plainName.MatchString(person) {
		return usageError{fmt.Errorf("person %q cannot name a file: allowed are letters, digits, '.', '_' and '-'", person)}
	}
	path := filepath.Join(m.out, person+".mcap")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(stills(ctx, f, meta, rows, bar), f.Close())
	if err != nil {
		os.Remove(path)
	}
	return err
}

func stills(ctx context.Context, w io.Writer, meta tape.Meta, rows []eval.Row, bar *progressBar) error {
	t, err := tape.Create(w, meta, nil)
	if err != nil {
		return err
	}
	for i, r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		frame, err := readFrame(r.Path)
		if err != nil {
			return usageError{fmt.Errorf("manifest row %d: %w", r.Line, err)}
		}
		frame.Seq = uint32(i + 1)
		if err := t.Still(&tape.Still{Label: label(r), Frame: frame}); err != nil {
			return err
		}
		bar.add(1)
	}
	return t.Close()
}

func label(r eval.Row) tape.Label {
	l := tape.Label{
		Palm: r.Palm, Person: r.Person, Session: strconv.Itoa(r.Session), Capture: strconv.Itoa(r.Capture), Band: r.Band, Kind: "roi",
	}
	if r.Hand == wire.Left || r.Hand == wire.Right {
		l.Hand = r.Hand.String()
	}
	if r.Kind == eval.Whole {
		l.Kind = "hand"
	}
	return l
}

// readFrame decodes a picture: RGB24 where it has colour, else Y8. Sizes are
// checked before it is decoded.
func readFrame(path string) (hal.Frame, error) {
	f, err := os.Open(path)
	if err != nil {
		return hal.Frame{}, err
	}
	defer f.Close()
	head, _, err := image.DecodeConfig(f)
	if err != nil {
		return hal.Frame{}, fmt.Errorf("%s: %w", path, err)
	}
	if head.Width > hal.MaxSide || head.Height > hal.MaxSide {
		return hal.Frame{}, fmt.Errorf("%s: %dx%d pixels, allowed %d a side", path, head.Width, head.Height, hal.MaxSide)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return hal.Frame{}, err
	}
	m, _, err := image.Decode(f)
	if err != nil {
		return hal.Frame{}, fmt.Errorf("%s: %w", path, err)
	}
	return frameOf(m), nil
}

func frameOf(m image.Image) hal.Frame {
	b := m.Bounds()
	f := hal.Frame{Band: hal.RGB, Format: hal.RGB24, Width: b.Dx(), Height: b.Dy(), Stride: 3 * b.Dx()}
	grey := m.ColorModel() == color.GrayModel || m.ColorModel() == color.Gray16Model
	if grey {
		f.Band, f.Format, f.Stride = hal.NIR, hal.Y8, b.Dx()
	}
	f.Pix = make([]byte, 0, f.Stride*f.Height)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			if grey {
				f.Pix = append(f.Pix, c.R)
			} else {
				f.Pix = append(f.Pix, c.R, c.G, c.B)
			}
		}
	}
	return f
}
