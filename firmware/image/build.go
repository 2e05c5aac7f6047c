package image

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"volar/boards"
	"volar/wire/bootstate"
)

// Inputs are what an image is made from. Every path is a folder.
type Inputs struct {
	Board       *boards.Board
	Folder      string            // of the board: overlays, blobs.lock
	Release     Release           // Board and UpdateKey are filled in by Build
	Keys        *Keys             //
	Programs    string            // palminit and palmd, for arm64
	Kernel      string            // Image, lib/modules, dtb
	Loader      string            // u-boot.bin, as scripts/uboot builds it
	Sysroots    []string          // where the programs' libraries and mke2fs lie
	Packages    string            // what scripts/debs unpacked: a board's blobs
	Authority   ed25519.PublicKey // signs provisioning tickets
	Development bool              // units may run from recordings
	BaseURL     string            // where the folder will be published, for os_list.json
	Out         string            // new folder for the image and what lies beside it
	Say         func(step string)
}

// Built is an image and how long each step of building took.
type Built struct {
	Dir      string    `json:"folder"`
	Manifest *Manifest `json:"manifest"`
	Steps    []Step    `json:"steps"`
}

// Step is one step of building.
type Step struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took_ns"`
}

// builder carries an image from step to step.
type builder struct {
	Inputs
	work   string // scratch folder
	tmp    string // becomes Out when all is done
	names  fileNames
	kernel *kernel
	tree   rootTree

	release []byte
	root    []byte
	verity  *Verity
	ramdisk []byte
	fit     []byte
	dtb     []byte // device tree with its overlays
	fat     []byte // FAT partition
	loader  []byte
	blobs   []cdx.Component

	loaderName string
	bootFiles  []Part

	sbom   []byte
	kept   []span
	bmap   []byte
	image  Part
	packed Part
	m      *Manifest
	steps  []Step
}

type fileNames struct{ image string }

func namesOf(board, version string) fileNames {
	return fileNames{image: "volar-" + board + "-" + version + ".img"}
}

// Build makes an image. The same inputs give the same bytes. Out appears when
// everything in it is whole.
func Build(ctx context.Context, in Inputs) (*Built, error) {
	b := &builder{Inputs: in, names: namesOf(in.Board.Name, in.Release.Version)}
	b.Release.Board, b.Release.UpdateKey = in.Board.Name, in.Keys.Public().ReleaseID()
	if in.Board.Boot == nil {
		return nil, fmt.Errorf("image: board %s is never flashed: its board.json has no boot", in.Board.Name)
	}
	if len(in.Authority) != ed25519.PublicKeySize {
		return nil, errors.New("image: no key of who signs provisioning tickets")
	}
	if err := b.Release.check(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(in.Out); !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("image: %s is there already: %w", in.Out, os.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(in.Out), 0o755); err != nil {
		return nil, fmt.Errorf("image: build: %w", err)
	}
	var err error
	if b.work, err = os.MkdirTemp("", "volar-image"); err != nil {
		return nil, fmt.Errorf("image: build: %w", err)
	}
	defer os.RemoveAll(b.work)
	if b.tmp, err = os.MkdirTemp(filepath.Dir(in.Out), ".building"); err != nil {
		return nil, fmt.Errorf("image: build: %w", err)
	}
	defer os.RemoveAll(b.tmp)
	if err := b.run(ctx); err != nil {
		return nil, err
	}
	if err := os.Chmod(b.tmp, 0o755); err != nil {
		return nil, fmt.Errorf("image: build: %w", err)
	}
	if err := os.Rename(b.tmp, in.Out); err != nil {
		return nil, fmt.Errorf("image: build: %w", err)
	}
	return &Built{Dir: in.Out, Manifest: b.m, Steps: b.steps}, nil
}

func (b *builder) run(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"root", b.makeRoot}, {"initramfs", b.makeRamdisk}, {"FIT", b.makeFIT}, {"boot loader", b.makeLoader}, {"SBOM", b.makeSBOM},
		{"disk", b.makeDisk}, {"compressed image", b.pack}, {"manifest", b.makeManifest},
	} {
		if b.Say != nil {
			b.Say(step.name)
		}
		start := time.Now()
		if err := step.do(ctx); err != nil {
			return err
		}
		b.steps = append(b.steps, Step{Name: step.name, Took: time.Since(start)})
	}
	return nil
}

func (b *builder) makeRoot(ctx context.Context) (err error) {
	if b.kernel, err = openKernel(b.Kernel); err != nil {
		return err
	}
	b.release = b.Release.bytes()
	b.tree = rootTree{
		files: map[string]string{"init": filepath.Join(b.Programs, "palminit")},
		content: map[string][]byte{
			"etc/volar/release.json": b.release, "etc/passwd": []byte(passwd), "etc/group": []byte(groups), "etc/hosts": []byte(hosts),
		},
	}
	b.tree.content["etc/volar/authority"] = fmt.Appendf(nil, "%x\n", []byte(b.Authority))
	if b.Development {
		b.tree.content["etc/volar/development"] = nil
	}
	if err := addProgram(b.tree.files, "usr/bin/palmd", filepath.Join(b.Programs, "palmd"), b.Sysroots); err != nil {
		return err
	}
	mke2fs, err := findFile("sbin/mke2fs", b.Sysroots)
	if err != nil {
		return err
	}
	if err := addProgram(b.tree.files, "usr/sbin/mke2fs", mke2fs, b.Sysroots); err != nil {
		return err
	}
	boot := b.Board.Boot
	loaded := map[string]bool{}
	if _, err := b.kernel.load(boot.Early, loaded); err != nil {
		return err
	}
	late, err := b.kernel.load(boot.Late, loaded)
	if err != nil {
		return err
	}
	for name, file := range late {
		b.tree.content["lib/modules/boot/"+name] = file
	}
	b.root, b.verity, err = buildRoot(ctx, b.work, &b.tree, &b.Release)
	return err
}

// findFile finds a file in the first sysroot that has it.
func findFile(name string, sysroots []string) (string, error) {
	for _, root := range sysroots {
		if p := filepath.Join(root, name); isFile(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("image: %s is in none of %q", name, sysroots)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (b *builder) makeRamdisk(context.Context) error {
	init, err := os.ReadFile(filepath.Join(b.Programs, "palminit"))
	if err != nil {
		return fmt.Errorf("image: initramfs: %w", err)
	}
	if loader, _, err := needed(filepath.Join(b.Programs, "palminit")); err != nil || loader != "" {
		return fmt.Errorf("image: initramfs: palminit is not static for arm64 (loader %q): %w", loader, err)
	}
	verity, err := json.Marshal(b.verity)
	if err != nil {
		return fmt.Errorf("image: initramfs: %w", err)
	}
	files := map[string][]byte{"init": init, "etc/volar/verity.json": append(verity, '\n'), "etc/volar/release.json": b.release}
	early, err := b.kernel.load(b.Board.Boot.Early, map[string]bool{})
	if err != nil {
		return err
	}
	for name, file := range early {
		files["lib/modules/boot/"+name] = file
	}
	b.ramdisk = initramfs(files, "proc", "sys", "run", "newroot")
	return nil
}

func (b *builder) makeFIT(ctx context.Context) error {
	linux, err := os.ReadFile(filepath.Join(b.Kernel, "Image"))
	if err != nil {
		return fmt.Errorf("image: kernel: %w", err)
	}
	if b.dtb, err = b.deviceTree(ctx); err != nil {
		return err
	}
	parts := fitParts{Board: b.Release.Board, Version: b.Release.Version, Kernel: linux, Ramdisk: b.ramdisk, Tree: b.dtb, Load: b.Board.Boot.Kernel}
	b.fit, err = buildFIT(ctx, b.work, parts, b.Keys.Boot, b.Release.Built)
	return err
}

// deviceTree is the kernel's tree of the board with the board's overlays laid
// over it; nothing where the machine brings its own.
func (b *builder) deviceTree(ctx context.Context) ([]byte, error) {
	boot := b.Board.Boot
	if boot.DeviceTree == "" {
		return nil, nil
	}
	base, err := os.ReadFile(filepath.Join(b.Kernel, "dtb", boot.DeviceTree))
	if err != nil {
		return nil, fmt.Errorf("image: device tree: the kernel in %s has none of this board: %w", b.Kernel, err)
	}
	for _, o := range boot.Overlays {
		if base, err = b.overlay(ctx, base, o); err != nil {
			return nil, err
		}
	}
	return base, nil
}

// overlay lays a file of the board's folder over a device tree.
func (b *builder) overlay(ctx context.Context, base []byte, name string) ([]byte, error) {
	source, err := filepath.Abs(filepath.Join(b.Folder, name))
	if err != nil {
		return nil, fmt.Errorf("image: device tree: %w", err)
	}
	if err := os.WriteFile(filepath.Join(b.work, "base.dtb"), base, 0o644); err != nil {
		return nil, fmt.Errorf("image: device tree: %w", err)
	}
	if err := tool(ctx, b.work, b.Release.Built, "dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", "overlay.dtbo", source); err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, name)
	}
	if err := tool(ctx, b.work, b.Release.Built, "fdtoverlay", "-i", "base.dtb", "-o", "over.dtb", "overlay.dtbo"); err != nil {
		return nil, fmt.Errorf("%w (%s over %s: does the kernel's tree have its labels?)", err, name, b.Board.Boot.DeviceTree)
	}
	return os.ReadFile(filepath.Join(b.work, "over.dtb"))
}

// write puts a file beside the image.
func (b *builder) write(name string, data []byte) error {
	to := filepath.Join(b.tmp, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("image: build: %w", err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		return fmt.Errorf("image: build: %w", err)
	}
	return nil
}

func (b *builder) makeDisk(context.Context) error {
	if err := errors.Join(b.write("slot/boot.fit", b.fit), b.write("slot/root.img", b.root), b.write(b.loaderName, b.loader)); err != nil {
		return err
	}
	d, err := createDisk(filepath.Join(b.tmp, b.names.image), DiskSize)
	if err != nil {
		return fmt.Errorf("image: disk: %w", err)
	}
	defer d.f.Close()
	state, err := bootstate.Default().Bytes()
	if err != nil {
		return fmt.Errorf("image: disk: %w", err)
	}
	t := Table{Disk: DiskGUID(b.Board.Name), Size: DiskSize, Parts: Layout(b.Board.Boot)}
	head, tail := t.bytes(b.Board.Name)
	if err := errors.Join(d.put(head, 0), d.put(tail, DiskSize-int64(len(tail)))); err != nil {
		return fmt.Errorf("image: disk: %w", err)
	}
	if at := b.Board.Boot.Loader; at != 0 {
		if err := d.put(b.loader, at); err != nil {
			return fmt.Errorf("image: disk: %w", err)
		}
	}
	for _, p := range t.Parts {
		var err error
		switch p.Name {
		case PartFirmware:
			err = d.put(b.fat[:lastByte(b.fat)], p.Start)
		case PartBootA, PartBootB:
			err = d.put(b.fit, p.Start)
		case PartRootA, PartRootB:
			err = d.put(b.root, p.Start)
		case PartBootState:
			for _, at := range bootstate.Offsets {
				err = errors.Join(err, d.put(state, p.Start+at))
			}
			d.keep(p.Start, p.Size)
		case PartUnit:
			d.keep(p.Start, p.Size)
		}
		if err != nil {
			return fmt.Errorf("image: disk: %s: %w", p.Name, err)
		}
	}
	b.kept = d.kept
	return d.f.Close()
}

// lastByte is where the bytes that are not zero end: what lies behind them in
// a FAT is free space.
func lastByte(b []byte) int {
	for n := len(b); n > 0; n-- {
		if b[n-1] != 0 {
			return n
		}
	}
	return 0
}
