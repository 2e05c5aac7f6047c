package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"volar/firmware/flash"
)

// flashing is what the command line of flash says.
type flashing struct {
	image   string
	devices []string
	board   string
	key     string
	yes     bool
}

func newFlashCommand() *cobra.Command {
	var f flashing
	c := &cobra.Command{
		Use:   "flash --image FILE --key FILE --device NAME…",
		Short: "Write an image to cards and sticks, and read it back",
		Long: `flash checks an image's signature and sums, writes it to disks, all at once, and reads it
back from each. It writes only to disks that can be taken out and that nothing uses, asks for the
name of each (unless --yes is given), and writes only what the image's map (.bmap) says is there. A
disk on which something is still missing does not boot; after an interruption the same command goes
on where it was. With --json every step is a line of JSON.

Without --image it lists the disks and why others are refused.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			disks, err := flash.Disks(os.DirFS("/"))
			if err != nil {
				return hint(err, "flash needs Linux with /sys and /proc")
			}
			if f.image == "" {
				if len(f.devices) > 0 {
					return usage(errors.New("flash: --device without --image"), "add --image FILE.img.zst; 'palmctl image build' makes one")
				}
				return showDisks(c, disks)
			}
			return f.run(c, disks)
		},
	}
	c.Flags().StringVar(&f.image, "image", "", "image `file`: .img.zst or .img, with its .bmap and manifest.json beside it")
	c.Flags().StringSliceVar(&f.devices, "device", nil, "`name` or path of a disk; may be given more than once")
	c.Flags().StringVar(&f.key, "key", "", "`file` of the public keys that the image must be signed with (public.pem), or the folder of keys")
	c.Flags().StringVar(&f.board, "board", "", "`name` of the board that these disks are for")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask for the disks' names")
	return c
}

// listed is a disk as the list shows it.
type listed struct {
	flash.Disk
	Refused string `json:"refused,omitempty"` // why it may not be written to
}

func showDisks(c *cobra.Command, disks []flash.Disk) error {
	var list []listed
	for _, d := range disks {
		l := listed{Disk: d}
		if err := d.Refuse(); err != nil {
			l.Refused = strings.TrimPrefix(err.Error(), "flash: "+d.Path+": ")
		}
		list = append(list, l)
	}
	return show(c, list, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		may := 0
		for _, l := range list {
			says := "can be written"
			if l.Refused != "" {
				says = "refused: " + l.Refused
			} else {
				may++
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.Name, bytesText(l.Size), busText(l.Bus), l.Model, says)
		}
		_ = t.Flush() // errors of w show where it is used next
		if may == 0 {
			fmt.Fprintln(w, "There is no disk to write to: put a card or a stick in, or close what uses it.")
		}
	})
}

func busText(b flash.Bus) string {
	if b == flash.BuiltIn {
		return "built in"
	}
	return string(b)
}

func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d bytes", n)
}

func (f *flashing) run(c *cobra.Command, all []flash.Disk) error {
	if f.key == "" {
		return usage(errors.New("flash: no --key"), "give the public.pem of who built the image: an image that nobody signed is not written")
	}
	if len(f.devices) == 0 {
		return usage(errors.New("flash: no --device"), "'palmctl flash' lists the disks")
	}
	var disks []flash.Disk
	named := map[string]bool{}
	for _, name := range f.devices {
		d, err := flash.Find(all, name)
		if err != nil {
			return usage(err, "'palmctl flash' lists the disks; give a whole disk such as sdb, not a partition such as sdb1")
		}
		if named[d.Path] {
			return usage(fmt.Errorf("flash: %s is given twice", d.Path), "give each disk once")
		}
		named[d.Path] = true
		if err := d.Refuse(); err != nil {
			return usage(err, "%s", flashHint(err))
		}
		disks = append(disks, d)
	}
	image, err := f.check(disks)
	if err != nil {
		return err
	}
	if err := f.agree(c, disks); err != nil {
		return err
	}
	asJSON, err := c.Flags().GetBool("json")
	if err != nil {
		return err
	}
	show := newFlashShow(c.OutOrStdout(), c.ErrOrStderr(), asJSON, disks)
	if err := flash.Write(c.Context(), image, disks, show.event); err != nil {
		return hint(err, "%s", flashHint(err))
	}
	return show.end(image)
}

// agree asks for the name of each disk: the one thing that nobody types by
// mistake.
func (f *flashing) agree(c *cobra.Command, disks []flash.Disk) error {
	if f.yes {
		return nil
	}
	in := bufio.NewScanner(c.InOrStdin())
	for _, d := range disks {
		fmt.Fprintf(c.ErrOrStderr(), "Everything on %s (%s, %s %s) will be lost. Type its name to go on: ", d.Path, bytesText(d.Size), busText(d.Bus), d.Model)
		in.Scan()
		if typed := strings.TrimSpace(in.Text()); typed != d.Name {
			return usage(fmt.Errorf("flash: %q was typed, the disk's name is %q: nothing was written", typed, d.Name), "type the name, or give --yes where nobody can type")
		}
	}
	return nil
}

// flashHint is what to do about an error of package flash.
func flashHint(err error) string {
	for _, h := range []struct {
		is   error
		says string
	}{
		{context.Canceled, "run the same command again: it goes on where it stopped"},
		{flash.ErrUsed, "it is mounted, swapped to or held by another program: umount it, or choose another disk"},
		{flash.ErrBuiltIn, "only disks that can be taken out are written to; 'palmctl flash' lists them"},
		{flash.ErrLocked, "move the switch at the side of the card, or use another one"},
		{flash.ErrEmpty, "put the card in"},
		{flash.ErrSmall, "use a larger card"},
		{flash.ErrDamaged, "copy the image again, with its .bmap and manifest.json, and compare its sha256"},
		{flash.ErrReadBack, "the card is worn out or false: use another one"},
		{fs.ErrPermission, "run it as root or as a member of group disk"},
		{fs.ErrNotExist, "an image has its .bmap and manifest.json beside it: copy the whole folder that 'palmctl image build' made"},
	} {
		if errors.Is(err, h.is) {
			return h.says
		}
	}
	return "take the card out, put it in again, and run the same command: it goes on where it stopped"
}
