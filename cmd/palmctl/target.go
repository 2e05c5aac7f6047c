package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"volar/firmware/calibrate"
)

func newTargetCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "target --out FILE.svg",
		Short: "Write the calibration target, to be printed on A4",
		Long: `target writes the chessboard with which 'palmctl provision' measures a unit's cameras. Print it at 100 %, with a
laser printer: most ink is white in near-infrared light. The ruler on it must be 100 mm long. Glue it to
something flat; matt paper has no glare.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := writeFile(out, targetSheet(calibrate.Target), 0o644); err != nil {
				return err
			}
			return show(c, struct {
				File   string  `json:"file"`
				Square float64 `json:"square_mm"`
			}{out, calibrate.Target.Square}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: print it at 100 %% on A4 with a laser printer, and measure the ruler: 100 mm\n", out)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` to write; must not exist")
	required(c, "out")
	return c
}

// targetSheet is a page of A4 in millimetres: the squares, a ruler, a word.
func targetSheet(b calibrate.Chessboard) []byte {
	const width, height = 210.0, 297.0
	columns, rows := b.Columns+1, b.Rows+1 // squares
	left, top := (width-float64(columns)*b.Square)/2, 60.0
	var path strings.Builder
	for y := range rows {
		for x := range columns {
			if (x+y)%2 == 0 {
				fmt.Fprintf(&path, "M%g %gh%gv%gh-%gz", left+float64(x)*b.Square, top+float64(y)*b.Square, b.Square, b.Square, b.Square)
			}
		}
	}
	ruler := top + float64(rows)*b.Square + 30
	var marks strings.Builder
	for mm := 0; mm <= 100; mm += 10 {
		fmt.Fprintf(&marks, "M%g %gv-4", (width-100)/2+float64(mm), ruler)
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%gmm" height="%gmm" viewBox="0 0 %g %g">
<rect width="100%%" height="100%%" fill="#fff"/>
<path d="%s" fill="#000"/>
<path d="M%g %gh100%s" fill="none" stroke="#000" stroke-width="0.3"/>
<text x="%g" y="%g" font-family="sans-serif" font-size="4" text-anchor="middle">100 mm. Print at 100 %% with a laser printer. Squares of %g mm.</text>
</svg>
`, width, height, width, height, path.String(), (width-100)/2, ruler, marks.String(), width/2, ruler+8, b.Square)
}
