package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"volar/firmware/image"
)

func newImageVerifyCommand() *cobra.Command {
	var key, tree string
	c := &cobra.Command{
		Use:   "verify IMAGE --key KEYS",
		Short: "Check an image before anyone writes it",
		Long: `verify looks at an image as the chip, the boot loader and the unit will: manifest and files beside it, size, partition tables,
boot state, the signature and hashes of both slots, their hash trees, the processor that everything is for, and the board's boot
files. IMAGE is the folder that 'image build' made, or the .img or .img.zst in it. KEYS is public.pem of the release's keys.
Exit code 1 means: do not flash it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			public, err := image.ReadPublic(key)
			if err != nil {
				return usage(err, "--key takes public.pem, which 'palmctl image key' makes, or the folder of keys")
			}
			report, err := image.Verify(c.Context(), args[0], public, os.DirFS(tree))
			if err != nil {
				return usage(err, "give the folder that 'palmctl image build' made")
			}
			if err := show(c, report, func(w io.Writer) { printReport(w, report) }); err != nil {
				return err
			}
			if !report.OK {
				return hint(errors.New("do not flash this image"), "%s", firstHint(report))
			}
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "public keys of the release: `file` or folder")
	c.Flags().StringVar(&tree, "boards", "boards", "`folder` of the boards")
	_ = c.MarkFlagRequired("key")
	return c
}

func firstHint(r *image.Report) string {
	for _, c := range r.Checks {
		if c.Result == image.CheckWrong {
			return c.Hint
		}
	}
	return ""
}

func printReport(w io.Writer, r *image.Report) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Result, c.Name, c.Says)
	}
	t.Flush()
	if r.OK {
		fmt.Fprintf(w, "%s can be flashed.\n", r.Image)
	}
}
