package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What the chip itself reads, before the boot loader's script runs. Boards
// differ here: qemu-virt gets the boot loader as a file beside the image, some
// chips read a FAT partition, others a boot loader at an offset of the disk.

// recipe is a board's program that makes flash.bin from the boot loader's
// parts and the board's blobs.
const recipe = "flash.sh"

// loaderOverlay is what the boot loader's device tree has and the kernel's has
// not.
const loaderOverlay = "u-boot.dtso"

// loaderParts are the files of scripts/uboot that the release key is written
// into, where they are there.
var loaderParts = []string{"u-boot.bin", "u-boot-nodtb.bin"}

// makeLoader gathers the board's boot files.
func (b *builder) makeLoader(ctx context.Context) error {
	blobs, err := b.readBlobs()
	if err != nil {
		return err
	}
	parts := map[string][]byte{}
	for _, name := range loaderParts {
		raw, err := os.ReadFile(filepath.Join(b.Loader, name))
		if errors.Is(err, os.ErrNotExist) && name != loaderParts[0] {
			continue
		}
		if err != nil {
			return fmt.Errorf("image: boot loader: %w", err)
		}
		if parts[name], err = withKey(raw, &b.Keys.Boot.PublicKey); err != nil {
			return err
		}
	}
	boot := b.Board.Boot
	b.loaderName, b.loader = "u-boot.bin", parts["u-boot.bin"]
	if boot.Loader != 0 {
		b.loaderName = "flash.bin"
		if b.loader, err = b.assemble(ctx, parts, blobs); err != nil {
			return err
		}
		if boot.Loader+int64(len(b.loader)) > Layout(boot)[0].Start {
			return fmt.Errorf("image: boot loader: %d bytes at %d reach into the first partition", len(b.loader), boot.Loader)
		}
	}
	if boot.FAT {
		return b.makeFAT(ctx, blobs)
	}
	return nil
}

// assemble runs the board's recipe, in a folder with the boot loader's parts
// and the blobs: it makes flash.bin there.
func (b *builder) assemble(ctx context.Context, parts, blobs map[string][]byte) ([]byte, error) {
	dir := filepath.Join(b.work, "loader")
	if err := os.CopyFS(dir, os.DirFS(b.Loader)); err != nil {
		return nil, fmt.Errorf("image: boot loader: %w", err)
	}
	for _, files := range []map[string][]byte{parts, blobs} {
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				return nil, fmt.Errorf("image: boot loader: %w", err)
			}
		}
	}
	script, err := filepath.Abs(filepath.Join(b.Folder, recipe))
	if err != nil {
		return nil, fmt.Errorf("image: boot loader: %w", err)
	}
	if err := tool(ctx, dir, b.Release.Built, "bash", script); err != nil {
		return nil, err
	}
	out, err := os.ReadFile(filepath.Join(dir, "flash.bin"))
	if err != nil {
		return nil, fmt.Errorf("image: boot loader: %s made no flash.bin: %w", recipe, err)
	}
	return out, checkLoader(out, &b.Keys.Boot.PublicKey)
}

// makeFAT fills the partition that the chip reads: the blobs, the boot loader,
// the device tree that the boot loader gets, and config.txt.
func (b *builder) makeFAT(ctx context.Context, blobs map[string][]byte) error {
	config, err := os.ReadFile(filepath.Join(b.Folder, "config.txt"))
	if err != nil {
		return fmt.Errorf("image: boot files: %w", err)
	}
	files := map[string][]byte{"config.txt": config, "u-boot.bin": b.loader}
	if b.dtb != nil { // of the boot loader; the kernel's lies in the FIT
		files["board.dtb"] = b.dtb
		if isFile(filepath.Join(b.Folder, loaderOverlay)) {
			if files["board.dtb"], err = b.overlay(ctx, b.dtb, loaderOverlay); err != nil {
				return err
			}
		}
	}
	for name, data := range blobs {
		files[name] = data
	}
	if err := checkConfig(files); err != nil {
		return err
	}
	p := Layout(b.Board.Boot)[0]
	if b.fat, err = buildFAT(ctx, b.work, p.Name, p.Size, files, b.Release.Built); err != nil {
		return err
	}
	for _, name := range sorted(files) {
		b.bootFiles = append(b.bootFiles, partOf(name, files[name]))
	}
	return nil
}

// checkConfig tells whether the files that config.txt names are there.
func checkConfig(files map[string][]byte) error {
	for line := range strings.Lines(string(files["config.txt"])) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "kernel", "device_tree", "start_file", "fixup_file", "initramfs":
			if files[value] == nil {
				return fmt.Errorf("image: boot files: config.txt names %s %q, which is not there", key, value)
			}
		}
	}
	return nil
}

// loader checks what the chip starts with: the board's boot files are in their
// place, and the boot loader trusts the release key.
func (v *verifier) loader() {
	says, err := v.bootFiles()
	v.add("boot files", err, says, "build the image again; this board would not start, or would refuse both slots")
}

func (v *verifier) bootFiles() (says string, err error) {
	boot := v.board.Boot
	if v.m.Loader == nil {
		return "", errors.New("the manifest names no boot loader")
	}
	var loader []byte
	switch {
	case v.table == nil:
		return "", errors.New("no partition table")
	case boot.FAT:
		p := v.part(PartFirmware)
		files, err := readFAT(p, p.Size())
		if err != nil {
			return "", err
		}
		if err := v.compareFAT(files); err != nil {
			return "", err
		}
		loader, says = files["u-boot.bin"], fmt.Sprintf("%d files in FAT; ", len(files))
	case boot.Loader != 0:
		if v.m.Loader.Size > boot.Loader+v.table.Parts[0].Start {
			return "", fmt.Errorf("a boot loader of %d bytes", v.m.Loader.Size)
		}
		loader = make([]byte, v.m.Loader.Size)
		if _, err := v.disk.ReadAt(loader, boot.Loader); err != nil {
			return "", err
		}
		says = fmt.Sprintf("%s at byte %d; ", v.m.Loader.File, boot.Loader)
	default:
		if loader, err = os.ReadFile(filepath.Join(v.dir, filepath.Base(v.m.Loader.File))); err != nil {
			return "", err
		}
		says = v.m.Loader.File + " beside the image; "
	}
	if p := partOf(v.m.Loader.File, loader); p != *v.m.Loader {
		return "", fmt.Errorf("%s has SHA-256 %s, the manifest says %s", p.File, p.SHA256, v.m.Loader.SHA256)
	}
	return says + "it trusts this release key", checkLoader(loader, v.public.Boot)
}

// compareFAT compares the files of the FAT partition with the manifest's.
func (v *verifier) compareFAT(files map[string][]byte) error {
	if len(files) != len(v.m.Files) {
		return fmt.Errorf("%d files in the FAT partition, the manifest names %d", len(files), len(v.m.Files))
	}
	for _, p := range v.m.Files {
		if have := partOf(p.File, files[p.File]); have != p {
			return fmt.Errorf("%s in the FAT partition has SHA-256 %s, the manifest says %s", p.File, have.SHA256, p.SHA256)
		}
	}
	return checkConfig(files)
}
