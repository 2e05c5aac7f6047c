package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	labelUse  = regexp.MustCompile(`&([a-z0-9_]+)`)
	labelHere = regexp.MustCompile(`([a-z0-9_]+):\s`)
)

// standInTree is a device tree that has every label which a board's overlays
// lay something over, for machines without the product kernel.
func standInTree(t *testing.T, in *Inputs) []byte {
	t.Helper()
	tools(t, "dtc", "fdtoverlay")
	var used, here []string
	files, err := filepath.Glob(filepath.Join(in.Folder, "*.dtso"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range labelUse.FindAllStringSubmatch(string(b), -1) {
			used = append(used, m[1])
		}
		for _, m := range labelHere.FindAllStringSubmatch(string(b), -1) {
			here = append(here, m[1])
		}
	}
	slices.Sort(used)
	var src strings.Builder
	fmt.Fprintf(&src, "/dts-v1/;\n/ {\n\tcompatible = %q;\n", in.Board.Compatible[0])
	for _, l := range slices.Compact(used) {
		if !slices.Contains(here, l) {
			fmt.Fprintf(&src, "\t%s: %s { ports { port@0 { }; port@1 { }; }; };\n", l, strings.ReplaceAll(l, "_", "-"))
		}
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "base.dts"), []byte(src.String()+"};\n"))
	if err := tool(context.Background(), dir, 1, "dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", "base.dtb", "base.dts"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "base.dtb"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withTree gives the kernel the board's device tree: the product kernel's where
// that was built.
func withTree(t *testing.T, in *Inputs) {
	t.Helper()
	name := in.Board.Boot.DeviceTree
	real := filepath.Join("../../build/kernel/product/dtb", name)
	tree, err := os.ReadFile(real)
	if err != nil {
		t.Logf("no %s (make kernel): a tree with the same labels stands in", real)
		tree = standInTree(t, in)
	}
	put(t, filepath.Join(in.Kernel, "dtb", name), tree)
}

// withBlobs stands a board's blobs in: files of other content, and a lock
// that pins those.
func withBlobs(t *testing.T, in *Inputs) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), in.Board.Name)
	if err := os.CopyFS(folder, os.DirFS(in.Folder)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(in.Folder, blobsFile))
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseBlobs(string(text))
	if err != nil {
		t.Fatal(err)
	}
	lock := ""
	for _, b := range list {
		data := []byte("stands in for " + b.Name)
		if b.dropped() {
			put(t, filepath.Join(folder, b.Path), data)
		} else {
			put(t, filepath.Join(in.Packages, b.Package, b.Path), data)
		}
		lock += strings.Join([]string{b.Name, b.Package, b.Version, b.Path, partOf("", data).SHA256}, " ") + "\n"
	}
	put(t, filepath.Join(folder, blobsFile), []byte(lock))
	in.Folder = folder
}

func TestRaspberryPi(t *testing.T) {
	in := inputs(t, "rpi4")
	tools(t, "mkfs.vfat", "mcopy")
	withTree(t, &in)
	withBlobs(t, &in)
	b := build(t, in)
	r := verify(t, b.Dir, in)
	if !r.OK {
		t.Fatalf("%+v", r.Checks)
	}
	p := b.Manifest.Partitions[0]
	disk, err := os.ReadFile(filepath.Join(b.Dir, b.Manifest.Image.File))
	if err != nil {
		t.Fatal(err)
	}
	part := disk[p.Start : p.Start+p.Size]
	fsck(t, part)
	files, err := readFAT(bytes.NewReader(part), p.Size)
	if err != nil {
		t.Fatal(err)
	}
	if have, want := strings.Join(sorted(files), " "), "board.dtb config.txt fixup4.dat start4.elf u-boot.bin"; have != want {
		t.Errorf("the FAT partition holds %s, want %s", have, want)
	}
	tree, err := parseTree(files["board.dtb"])
	if err != nil {
		t.Fatal(err)
	}
	if tree.nodes["/tpm-spi/tpm@0"].text("compatible") != "tcg,tpm_tis-spi" {
		t.Error("the boot loader's tree has no TPM that it can reach")
	}
	at := p.Start + int64(strings.Index(string(part), "stands in for start4.elf"))
	flip(t, filepath.Join(b.Dir, b.Manifest.Image.File), at)
	if c := found(verify(t, b.Dir, in), "boot files"); c.Result != CheckWrong || !strings.Contains(c.Says, "start4.elf") {
		t.Errorf("a damaged start4.elf: %+v", c)
	}
}

// fsck has dosfstools look at a file system.
func fsck(t *testing.T, b []byte) {
	t.Helper()
	tools(t, "fsck.vfat")
	path := filepath.Join(t.TempDir(), "fat")
	put(t, path, b)
	if err := tool(context.Background(), filepath.Dir(path), 1, "fsck.vfat", "-n", path); err != nil {
		t.Error(err)
	}
}

// withLoaderParts stands in what scripts/uboot makes for a chip that needs
// more than U-Boot. One part has the marks for the key, as in a real build.
func withLoaderParts(t *testing.T, in *Inputs) {
	t.Helper()
	for name, data := range map[string][]byte{
		"u-boot-nodtb.bin": marks(t),
		"u-boot-spl.bin":   []byte("SPL"), // three bytes: has to be padded
		"bl31.bin":         []byte("TF-A"),
		"u-boot.dtb":       standInTree(t, in),
	} {
		put(t, filepath.Join(in.Loader, name), data)
	}
}

func TestIMX(t *testing.T) {
	in := inputs(t, "imx8mp")
	withTree(t, &in)
	withBlobs(t, &in)
	withLoaderParts(t, &in)
	b := build(t, in)
	if r := verify(t, b.Dir, in); !r.OK {
		t.Fatalf("%+v", r.Checks)
	}
	image := filepath.Join(b.Dir, b.Manifest.Image.File)
	head := make([]byte, in.Board.Boot.Loader+b.Manifest.Loader.Size)
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	flash := head[in.Board.Boot.Loader:]
	// The i.MX image vector table, version 4.1 (i.MX 8M Plus reference manual, 6.1.5.1), and the FIT behind SPL.
	if flash[0] != 0xd1 || flash[3] != 0x41 {
		t.Errorf("flash.bin begins with % x, want an image vector table", flash[:4])
	}
	if _, err := TreeSize(flash[0x58000:]); err != nil {
		t.Errorf("no FIT at 0x58000: %v", err)
	}
	if !strings.Contains(string(flash[:0x58000]), "SPL\xff") || !strings.Contains(string(flash[:0x58000]), "stands in for lpddr4_pmu_train_2d_dmem") {
		t.Error("SPL or the DDR programs are not where the chip looks for them")
	}
	flip(t, image, in.Board.Boot.Loader+0x58000)
	if c := found(verify(t, b.Dir, in), "boot files"); c.Result != CheckWrong || !strings.Contains(c.Says, "flash.bin") {
		t.Errorf("a damaged flash.bin: %+v", c)
	}
}

// What may not be shipped is named in one error, with where it goes.
func TestMissingBlobs(t *testing.T) {
	in := inputs(t, "imx8mp")
	withTree(t, &in)
	_, err := Build(context.Background(), in)
	var missing *MissingBlobs
	if !errors.As(err, &missing) || len(missing.Lines) != 4 || !strings.Contains(err.Error(), "boards/imx8mp/blobs/lpddr4_pmu_train_1d_imem_202006.bin: missing") {
		t.Errorf("Build = %v", err)
	}
	withBlobs(t, &in)
	put(t, filepath.Join(in.Folder, "blobs/lpddr4_pmu_train_1d_imem_202006.bin"), []byte("another"))
	if _, err := Build(context.Background(), in); err == nil || !strings.Contains(err.Error(), "blobs.lock wants") {
		t.Errorf("Build with another file than is pinned: %v", err)
	}
}

func TestParseBlobsRefuses(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for _, line := range []string{
		"a p 1 x", "a p 1 x " + sum + " y", "a p 1 ../x " + sum, "../a p 1 x " + sum, "a ../p 1 x " + sum, "a p 1 x ?", "a p 1 x abcd",
	} {
		if list, err := parseBlobs(line); err == nil {
			t.Errorf("parseBlobs(%q) = %v", line, list)
		}
	}
	if list, err := parseBlobs("# only\n a drop 1 x ? # later\n"); err != nil || len(list) != 1 {
		t.Errorf("parseBlobs = %v, %v", list, err)
	}
}
