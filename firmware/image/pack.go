package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
)

// pack makes what travels: the image compressed, its map and its sums.
func (b *builder) pack(ctx context.Context) error {
	f, err := os.Open(filepath.Join(b.tmp, b.names.image))
	if err != nil {
		return fmt.Errorf("image: pack: %w", err)
	}
	defer f.Close()
	if b.bmap, err = bmap(f, DiskSize, b.kept); err != nil {
		return err
	}
	if b.image, b.packed, err = compress(ctx, f, filepath.Join(b.tmp, b.names.image+".zst")); err != nil {
		return err
	}
	b.image.File, b.packed.File = b.names.image, b.names.image+".zst"
	sums := fmt.Sprintf("%s  %s\n%s  %s\n", b.image.SHA256, b.image.File, b.packed.SHA256, b.packed.File)
	if err := b.write(b.names.image+".sha256", []byte(sums)); err != nil {
		return err
	}
	return b.write(b.names.image+".bmap", b.bmap)
}

// compress writes a file's zstd form. One encoder at work makes the same bytes
// on every machine.
func compress(ctx context.Context, in io.Reader, to string) (plain, packed Part, err error) {
	out, err := os.Create(to)
	if err != nil {
		return plain, packed, fmt.Errorf("image: pack: %w", err)
	}
	defer out.Close()
	whole, small := sha256.New(), sha256.New()
	size := &counter{}
	z, err := zstd.NewWriter(io.MultiWriter(out, small, size), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8*mib))
	if err != nil {
		return plain, packed, fmt.Errorf("image: pack: %w", err)
	}
	n, err := io.CopyBuffer(io.MultiWriter(z, whole), stoppable{ctx, in}, make([]byte, mib))
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return plain, packed, fmt.Errorf("image: pack: %w", err)
	}
	return Part{Size: n, SHA256: hex.EncodeToString(whole.Sum(nil))}, Part{Size: size.n, SHA256: hex.EncodeToString(small.Sum(nil))}, nil
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// stoppable is a reader that ends when its context does.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

func (b *builder) makeManifest(context.Context) error {
	fit := sha256.Sum256(b.fit)
	pcr := PCR8(fit)
	loader := partOf(b.loaderName, b.loader)
	b.m = &Manifest{
		Release: b.Release, Disk: DiskGUID(b.Board.Name).String(),
		Boot: partOf("slot/boot.fit", b.fit), PCR8: hex.EncodeToString(pcr[:]),
		Root: partOf("slot/root.img", b.root), Verity: *b.verity,
		Loader: &loader, Image: b.image, Packed: b.packed, Map: partOf(b.names.image+".bmap", b.bmap), SBOM: partOf(sbomFile, b.sbom),
		Files: b.bootFiles, Partitions: Layout(b.Board.Boot),
	}
	file, sig, err := b.m.sign(b.Keys.Release)
	if err != nil {
		return err
	}
	if err := b.write(manifestFile, file); err != nil {
		return err
	}
	if err := b.write(manifestFile+".sig", sig); err != nil {
		return err
	}
	return b.write("os_list.json", b.osList())
}

// osList offers the image in Raspberry Pi Imager, which takes such a file as
// its repository (--repo). The image is looked for where BaseURL says.
func (b *builder) osList() []byte {
	type system struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		URL         string   `json:"url"`
		ExtractSize int64    `json:"extract_size"`
		ExtractSum  string   `json:"extract_sha256"`
		Size        int64    `json:"image_download_size"`
		Sum         string   `json:"image_download_sha256"`
		Date        string   `json:"release_date"`
		Devices     []string `json:"devices,omitempty"`
		Init        string   `json:"init_format"`
	}
	s := system{
		Name: "Volar " + b.Release.Version + " for " + b.Board.Name, Description: b.Board.About, URL: b.BaseURL + b.packed.File,
		ExtractSize: b.image.Size, ExtractSum: b.image.SHA256, Size: b.packed.Size, Sum: b.packed.SHA256,
		Date: time.Unix(b.Release.Built, 0).UTC().Format(time.DateOnly), Devices: b.Board.Boot.Imager, Init: "none",
	}
	out, _ := json.MarshalIndent(map[string][]system{"os_list": {s}}, "", "  ")
	return append(out, '\n')
}
