package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"volar/firmware/image"
	"volar/wire/bundle"
)

func newBundleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bundle",
		Short: "Make and check the files that units are updated with",
		Long: `A bundle is a system for one board in one signed file: whole, or what changed since another one. 'palmctl repo add'
publishes it, 'palmctl update' brings it over the serial line. Whoever carries it need not be trusted.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBundleMakeCommand(), newBundleShowCommand(), newBundleVerifyCommand())
	return c
}

// about is what is shown of a bundle.
type about struct {
	File      string  `json:"file"`
	Board     string  `json:"board"`
	Version   string  `json:"version"`
	Serial    uint64  `json:"serial"`
	Floor     uint64  `json:"floor"`
	From      uint64  `json:"from,omitempty"` // serial that a delta is made from
	Size      int64   `json:"size"`           // of the file
	Installed int64   `json:"installed"`      // bytes on the unit
	Checked   string  `json:"checked"`        // what was
	Seconds   float64 `json:"seconds,omitempty"`
}

func aboutBundle(file string, m *bundle.Manifest, manifest []byte, checked string) about {
	return about{File: file, Board: m.Board, Version: m.Name, Serial: m.Serial, Floor: m.Floor, From: m.From,
		Size: bundle.HeadSize(manifest) + m.Payload(), Installed: m.Installed(), Checked: checked}
}

func (a about) text(w io.Writer) {
	kind := "full"
	if a.From != 0 {
		kind = fmt.Sprintf("delta from serial %d", a.From)
	}
	fmt.Fprintf(w, "%s: %s %s, serial %d, floor %d, %s\n%s for %s on the unit; at 115,200 bits a second about %s over the serial line\nchecked: %s\n",
		a.File, a.Board, a.Version, a.Serial, a.Floor, kind, bytesText(a.Size), bytesText(a.Installed), serialTime(a.Size), a.Checked)
}

// serialTime is how long a file takes over the line: 8 bits in 10, base64,
// and a frame's overhead in every block.
func serialTime(n int64) time.Duration {
	return (time.Duration(float64(n)*1.5*10/115200*float64(time.Second)) + time.Second).Round(time.Second)
}

func newBundleMakeCommand() *cobra.Command {
	var from, key, out string
	c := &cobra.Command{
		Use:   "make IMAGE --key DIR --out FILE [--from IMAGE]",
		Short: "Make a bundle of an image",
		Long: `make packs the system of an image, whole or, with --from, what changed since another image, which is what the units
must run that take it. IMAGE is the folder that 'palmctl image build' made. The same input gives the same bytes.`,
		Args: exactly(1, "the folder that 'palmctl image build' made"),
		RunE: func(c *cobra.Command, args []string) error { return makeBundle(c, args[0], from, key, out) },
	}
	c.Flags().StringVar(&from, "from", "", "`folder` of the image that units run now")
	c.Flags().StringVar(&key, "key", "", "`folder` of keys ('palmctl image key'), of which release.pem signs")
	c.Flags().StringVar(&out, "out", "", "`file` to write; must not exist")
	for _, name := range []string{"key", "out"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

func makeBundle(c *cobra.Command, dir, fromDir, keyDir, out string) error {
	keys, err := image.ReadKeys(keyDir)
	if err != nil {
		return usage(err, "make a folder of development keys with: palmctl image key %s", keyDir)
	}
	m, now, err := readSystem(dir, keys.Public().Release)
	if err != nil {
		return err
	}
	var base *bundle.System
	if fromDir != "" {
		old, system, err := readSystem(fromDir, keys.Public().Release)
		if err != nil {
			return err
		}
		if old.Board != m.Board || old.Serial >= m.Serial {
			return usage(fmt.Errorf("bundle: from %s %s, serial %d, to %s %s, serial %d", old.Board, old.Version, old.Serial, m.Board, m.Version, m.Serial),
				"--from takes an older image of the same board")
		}
		base = &system
	}
	if _, err := os.Stat(out); err == nil {
		return usage(fmt.Errorf("write: %s is there", out), "nothing is ever written over: choose another place or move it away")
	}
	began := time.Now()
	progress := newMeter(c.ErrOrStderr(), "packed")
	var b bytes.Buffer
	made, err := bundle.Make(c.Context(), &b, keys.Release, bundle.Manifest{Board: m.Board, Name: m.Version, Floor: m.Floor}, now, base, progress.at)
	progress.end()
	if err != nil {
		return err
	}
	if err := writeFile(out, b.Bytes(), 0o644); err != nil {
		return err
	}
	manifest, err := bundle.Head(bytes.NewReader(b.Bytes()))
	if err != nil {
		return err
	}
	a := aboutBundle(out, made, manifest, "made just now")
	a.Seconds = time.Since(began).Seconds()
	return show(c, a, a.text)
}

// readSystem reads the two parts of an image's slots, and checks them.
func readSystem(dir string, release ed25519.PublicKey) (*image.Manifest, bundle.System, error) {
	const next = "give the folder that 'palmctl image build' made, and the keys that it was built with"
	m, err := image.ReadManifest(dir, release)
	if err != nil {
		return nil, bundle.System{}, usage(err, next)
	}
	s := bundle.System{Serial: m.Serial}
	for i, part := range []image.Part{m.Boot, m.Root} {
		b, err := readFile("image", filepath.Join(dir, part.File), bundle.MaxPart)
		if err != nil {
			return nil, s, err
		}
		if err := samePart(part, b); err != nil {
			return nil, s, usage(fmt.Errorf("image: %s: %w", filepath.Join(dir, part.File), err), next)
		}
		s.Parts[i] = b
	}
	return m, s, nil
}

// samePart says whether b is what the manifest names.
func samePart(p image.Part, b []byte) error {
	if sum := sha256.Sum256(b); int64(len(b)) != p.Size || hex.EncodeToString(sum[:]) != p.SHA256 {
		return errors.New("not the file that the manifest names")
	}
	return nil
}

// openBundle reads a bundle's head and checks its signature.
func openBundle(file, key string) (f *os.File, m *bundle.Manifest, manifest []byte, err error) {
	public, err := image.ReadPublic(key)
	if err != nil {
		return nil, nil, nil, usage(err, "--key takes public.pem, which 'palmctl image key' makes, or the folder of keys")
	}
	if f, err = os.Open(file); err != nil {
		return nil, nil, nil, usage(fmt.Errorf("read bundle: %w", err), "give the path of the bundle")
	}
	if manifest, err = bundle.Head(f); err == nil {
		m, err = bundle.Open(manifest, public.Release)
	}
	switch {
	case errors.Is(err, bundle.ErrSignature):
		return nil, nil, nil, errors.Join(hint(err, "a unit would refuse it: another key than the unit's signed it, or it was changed"), f.Close())
	case err != nil:
		return nil, nil, nil, errors.Join(usage(err, "this is no file that 'palmctl bundle make' wrote"), f.Close())
	}
	return f, m, manifest, nil
}

func newBundleShowCommand() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:   "show FILE --key KEYS",
		Short: "Check a bundle's signature and say what it is",
		Args:  exactly(1, "the bundle"),
		RunE: func(c *cobra.Command, args []string) error {
			f, m, manifest, err := openBundle(args[0], key)
			if err != nil {
				return err
			}
			defer f.Close()
			a := aboutBundle(args[0], m, manifest, "signature")
			return show(c, a, a.text)
		},
	}
	publicFlag(c, &key)
	return c
}

func publicFlag(c *cobra.Command, key *string) {
	c.Flags().StringVar(key, "key", "", "public keys of the release: `file` or folder")
	_ = c.MarkFlagRequired("key")
}

func newBundleVerifyCommand() *cobra.Command {
	var key, from string
	c := &cobra.Command{
		Use:   "verify FILE --key KEYS [--from IMAGE]",
		Short: "Do with a bundle what a unit does, but for the writing",
		Long: `verify checks the signature and every byte of a bundle, unpacks it and checks what comes out. For a delta, --from names
the folder of the image that units run.

Exit codes: 0 a unit of that board installs it, 1 it refuses it, 2 wrong usage or files.`,
		Args: exactly(1, "the bundle"),
		RunE: func(c *cobra.Command, args []string) error { return verifyBundle(c, args[0], key, from) },
	}
	publicFlag(c, &key)
	c.Flags().StringVar(&from, "from", "", "`folder` of the image that a delta is made from")
	return c
}

func verifyBundle(c *cobra.Command, file, key, from string) error {
	f, m, manifest, err := openBundle(file, key)
	if err != nil {
		return err
	}
	defer f.Close()
	began := time.Now()
	var base bundle.System
	if m.Delta() {
		if from == "" {
			return usage(fmt.Errorf("verify: %s is made from serial %d", file, m.From), "give the folder of that image with --from")
		}
		public, err := image.ReadPublic(key)
		if err != nil {
			return err
		}
		old, system, err := readSystem(from, public.Release)
		if err != nil {
			return err
		}
		if old.Serial != m.From {
			return usage(fmt.Errorf("verify: %s is made from serial %d, %s has %d", file, m.From, from, old.Serial), "give the folder of that image with --from")
		}
		base = system
	}
	begin := bundle.HeadSize(manifest)
	if err := m.Check(io.NewSectionReader(f, begin, 1<<62)); err != nil {
		return hint(err, "the file was damaged on its way: copy it again")
	}
	payload := io.NewSectionReader(f, begin, m.Payload())
	progress := newMeter(c.ErrOrStderr(), "unpacked")
	defer progress.end()
	done := int64(0)
	for i, p := range m.Parts {
		n, err := io.Copy(&counted{progress, &done, m.Installed()}, p.Unpack(payload, bytes.NewReader(base.Parts[i])))
		if err != nil {
			return hint(fmt.Errorf("verify: %s, after %d bytes: %w", bundle.Names[i], n, err), "whoever made it did not verify it: make it again")
		}
	}
	progress.end()
	a := aboutBundle(file, m, manifest, "signature, every byte, and what comes out of it")
	a.Seconds = time.Since(began).Seconds()
	return show(c, a, a.text)
}

// counted counts what is written and keeps none of it.
type counted struct {
	progress *meter
	done     *int64
	of       int64
}

func (c *counted) Write(b []byte) (int, error) {
	*c.done += int64(len(b))
	c.progress.at(*c.done, c.of)
	return len(b), nil
}
