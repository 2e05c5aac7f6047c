package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"volar/boards"
	"volar/firmware/image"
)

func newImageCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "image",
		Short: "Build, sign and check the disk that a unit is flashed with",
		Long: `An image is a whole disk: two signed slots, each a kernel with its first programs (one FIT) and a read-only root behind
dm-verity, and room for the unit's keys and data. Start with 'palmctl image key', then 'make image BOARD=qemu-virt'.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newImageBuildCommand(), newImageKeyCommand(), newImageVerifyCommand())
	return c
}

func newImageKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "key DIR",
		Short: "Make a folder of development keys",
		Long: `key makes DIR with the keys that an image is signed with: boot.pem (RSA-2048, the FIT), release.pem (Ed25519, manifest
and updates), modules.pem (kernel modules), authority.pem (Ed25519, provisioning tickets), and public.pem for whoever checks
images. Units built with them trust them for
ever, so a release's keys are made and kept elsewhere, never in a repository.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := image.MakeKeys(args[0]); err != nil {
				return usage(err, "choose a folder that is not there yet: keys are never written over")
			}
			k, err := image.ReadKeys(args[0])
			if err != nil {
				return err
			}
			public, err := k.Public().Export()
			if err != nil {
				return err
			}
			if err := writeFile(filepath.Join(args[0], "public.pem"), public, 0o644); err != nil {
				return err
			}
			return show(c, map[string]string{"folder": args[0], "release": k.Public().ReleaseID()}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: boot.pem, release.pem, modules.pem, authority.pem, public.pem\nrelease key %s\n", args[0], k.Public().ReleaseID())
			})
		},
	}
}

// imageFlags are what 'image build' is told.
type imageFlags struct {
	board, version, key, out         string
	boards, kernel, programs, loader string
	packages, url, authority         string
	development                      bool
	sysroots                         []string
	serial, floor                    uint64
	built                            int64
}

func newImageBuildCommand() *cobra.Command {
	var f imageFlags
	c := &cobra.Command{
		Use:   "build --board BOARD --version X.Y.Z --key DIR",
		Short: "Build an image from what 'make image' prepared",
		Long: `build makes a folder with the image, the payload of an update, the boot loader, a signed manifest and a list of what is
inside. The same input gives the same bytes. It needs no root. 'make image BOARD=… VERSION=… KEY=…' prepares programs, kernel and
boot loader first and then runs it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.build(c) },
	}
	p := c.Flags()
	p.StringVar(&f.board, "board", "", "`name` of the board's folder")
	p.StringVar(&f.version, "version", "", "of the release, `X.Y.Z`")
	p.StringVar(&f.key, "key", "", "`folder` of keys ('palmctl image key')")
	p.Uint64Var(&f.serial, "serial", 0, "`number` that grows with each release (default: from the version)")
	p.Uint64Var(&f.floor, "floor", 1, "`number` to raise when older systems must never run again")
	p.Int64Var(&f.built, "built", 1750000000, "time of the source, Unix `seconds`")
	p.StringVar(&f.out, "out", "", "new `folder` for the result (default build/image/BOARD-VERSION)")
	p.StringVar(&f.boards, "boards", "boards", "`folder` of the boards")
	p.StringVar(&f.kernel, "kernel", "", "`folder` that scripts/kernel made (default build/kernel/product, or cloud where that is not there)")
	p.StringVar(&f.programs, "programs", "build/image/programs", "`folder` that scripts/programs made")
	p.StringVar(&f.loader, "loader", "", "`folder` that scripts/uboot made (default build/uboot/BOARD)")
	p.StringSliceVar(&f.sysroots, "sysroot", []string{"build/opencv-arm64", "build/debs/e2fsprogs"}, "`folders` with the programs' arm64 libraries")
	p.StringVar(&f.packages, "packages", "build/debs", "`folder` that scripts/debs made, with the board's blobs")
	p.StringVar(&f.url, "url", "", "`address` under which the folder will be published, for os_list.json")
	p.StringVar(&f.authority, "authority", "", "public key of who signs provisioning tickets: PEM `file`, or 64 hex digits (default: authority.pem of the keys)")
	p.BoolVar(&f.development, "development", false, "let units run from recordings: never for a release")
	for _, name := range []string{"board", "version", "key"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// defaultKernel is the product kernel where make kernel built it, else
// Debian's, which boots qemu-virt.
func defaultKernel() string {
	if _, err := os.Stat("build/kernel/product/Image"); err == nil {
		return "build/kernel/product"
	}
	return "build/kernel/cloud"
}

func (f *imageFlags) inputs() (image.Inputs, error) {
	tree := os.DirFS(f.boards)
	board, err := boards.Load(tree, f.board)
	if err != nil {
		return image.Inputs{}, usage(err, "--board names a folder of %s; 'palmctl board check' says what is wrong with one", f.boards)
	}
	if board.Boot == nil {
		return image.Inputs{}, usage(fmt.Errorf("board %s is never flashed", f.board), "choose a board whose board.json has a field boot")
	}
	keys, err := image.ReadKeys(f.key)
	if err != nil {
		return image.Inputs{}, usage(err, "make a folder of development keys with: palmctl image key %s", f.key)
	}
	if f.serial == 0 {
		if f.serial, err = image.SerialOf(f.version); err != nil {
			return image.Inputs{}, usage(err, "give --version as three numbers, --serial where they are not enough")
		}
	}
	if f.out == "" {
		f.out = filepath.Join("build/image", f.board+"-"+f.version)
	}
	if f.loader == "" {
		f.loader = filepath.Join("build/uboot", f.board)
	}
	if f.kernel == "" {
		f.kernel = defaultKernel()
	}
	if f.authority == "" {
		f.authority = filepath.Join(f.key, image.AuthorityKeyFile)
	}
	authority, err := image.ReadAuthority(f.authority)
	if err != nil {
		return image.Inputs{}, usage(err, "--authority takes a PEM file with an Ed25519 key, or the public key's 64 hex digits")
	}
	return image.Inputs{
		Board: board, Folder: filepath.Join(f.boards, f.board), Keys: keys,
		Release:  image.Release{Version: f.version, Serial: f.serial, Floor: f.floor, Built: f.built},
		Programs: f.programs, Kernel: f.kernel, Loader: f.loader, Sysroots: f.sysroots, Packages: f.packages, BaseURL: f.url, Out: f.out,
		Authority: authority, Development: f.development,
	}, nil
}

func (f *imageFlags) build(c *cobra.Command) error {
	in, err := f.inputs()
	if err != nil {
		return err
	}
	in.Say = func(step string) { fmt.Fprintln(c.ErrOrStderr(), "image:", step) }
	built, err := image.Build(c.Context(), in)
	if err != nil {
		return adviseBuild(err, f)
	}
	return show(c, built, func(w io.Writer) { printBuilt(w, built) })
}

// adviseBuild adds what to do about what a build lacked.
func adviseBuild(err error, f *imageFlags) error {
	var missing *image.MissingTool
	switch {
	case errors.As(err, new(*image.MissingBlobs)):
		return hint(err, "boards/%s/README.md says where each comes from", f.board)
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &missing):
		return hint(err, "run scripts/setup image, which installs it")
	case errors.Is(err, fs.ErrExist):
		return usage(err, "choose another --out or --version, or move the folder away")
	case errors.Is(err, fs.ErrNotExist):
		return hint(err, "run make image BOARD=%s, which prepares programs, kernel and boot loader first", f.board)
	}
	return hint(err, "what lies in %s, %s and %s must belong together; make image builds all three", f.programs, f.kernel, f.loader)
}

func printBuilt(w io.Writer, b *image.Built) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range b.Steps {
		fmt.Fprintf(t, "%s\t%v\n", s.Name, s.Took.Round(10*time.Millisecond))
	}
	t.Flush()
	fmt.Fprintf(w, "%s\n", b.Dir)
}
