package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"volar/firmware/image"
)

// shelf is a folder as 'palmctl image build' makes it, of an image that is
// empty but for its first block, and the keys that it is signed with.
type shelf struct {
	dir, image, key, disk string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{dir: t.TempDir()}
	s.image, s.key, s.disk = filepath.Join(s.dir, "u.img.zst"), filepath.Join(s.dir, "public.pem"), filepath.Join(t.TempDir(), "card")
	first := bytes.Repeat([]byte("palm"), 1024)
	var packed bytes.Buffer
	e, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := e.Write(first)
	_, err2 := io.CopyN(e, zeros{}, image.DiskSize-int64(len(first)))
	if err1 != nil || err2 != nil || e.Close() != nil {
		t.Fatal(err1, err2)
	}
	bmap := fmt.Appendf(nil, `<bmap version="2.0"><ImageSize>%d</ImageSize><BlockSize>4096</BlockSize><ChecksumType>sha256</ChecksumType>
<BlockMap><Range chksum="%x">0</Range></BlockMap></bmap>`, image.DiskSize, sha256.Sum256(first))
	m := image.Manifest{
		Release: image.Release{Board: "qemu-virt", Version: "1.2.3", Serial: 1002003, Floor: 1, Built: 1, UpdateKey: strings.Repeat("ab", 32)},
		Disk:    image.DiskGUID("qemu-virt").String(),
		Verity:  image.Verity{Root: strings.Repeat("ab", 32), Salt: "00", DataBlocks: 1, HashBlock: 1},
		Packed:  part("u.img.zst", packed.Bytes()), Map: part("u.img.bmap", bmap),
	}
	for _, p := range []*image.Part{&m.SBOM, &m.Boot, &m.Root, &m.Image} {
		*p = part("u.img", []byte("not looked at"))
	}
	m.Image.Size = image.DiskSize
	file, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	sig := ed25519.Sign(key, append([]byte("volar image manifest 1\x00"), file...))
	for name, b := range map[string][]byte{
		"u.img.zst": packed.Bytes(), "u.img.bmap": bmap, "manifest.json": file, "manifest.json.sig": sig, "public.pem": publicPEM(t, key),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.disk, nil, 0o600); err != nil || os.Truncate(s.disk, image.DiskSize) != nil {
		t.Fatal(err)
	}
	return s
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func part(name string, b []byte) image.Part {
	sum := sha256.Sum256(b)
	return image.Part{File: name, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

func publicPEM(t *testing.T, key ed25519.PrivateKey) (out []byte) {
	t.Helper()
	modulus := new(big.Int).SetBit(big.NewInt(1), 2047, 1)
	for _, k := range []any{key.Public(), &rsa.PublicKey{N: modulus, E: 65537}} {
		der, err := x509.MarshalPKIXPublicKey(k)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return out
}

// flash runs palmctl flash and gives what it said.
func (s *shelf) flash(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(ctx, append([]string{"flash"}, args...), &o, &e)
	return code, o.String(), e.String()
}

func TestFlash(t *testing.T) {
	s := newShelf(t)
	code, out, errs := s.flash("--image", s.image, "--key", s.key, "--device", s.disk, "--yes", "--json")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last struct{ Device, Step string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Step != "done" || last.Device != s.disk {
		t.Errorf("the last line is %s (%v)", lines[len(lines)-1], err)
	}
	got := make([]byte, 4)
	f, err := os.Open(s.disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != "palm" {
		t.Errorf("the card begins with %q", got)
	}
}

// TestFlashRefuses: each mistake has one error and a hint, and writes nothing.
func TestFlashRefuses(t *testing.T) {
	s := newShelf(t)
	all := []string{"--image", s.image, "--key", s.key, "--device", s.disk}
	part := filepath.Join(s.dir, "manifest.json")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"not agreed":    {all, "nothing was written"},
		"no key":        {[]string{"--image", s.image, "--device", s.disk, "--yes"}, "no --key"},
		"no device":     {[]string{"--image", s.image, "--key", s.key, "--yes"}, "no --device"},
		"no image":      {[]string{"--device", s.disk}, "without --image"},
		"other board":   {append([]string{"--yes", "--board", "rpi4"}, all...), "is for board qemu-virt, not rpi4"},
		"device twice":  {append([]string{"--yes", "--device", s.disk}, all...), "given twice"},
		"no such disk":  {append([]string{"--yes", "--device", "/dev/nothing"}, all...), "no such file"},
		"a folder":      {append([]string{"--yes", "--device", s.dir}, all...), "no disk"},
		"other file":    {[]string{"--image", part, "--key", s.key, "--device", s.disk, "--yes"}, "neither"},
		"key of others": {[]string{"--image", s.image, "--key", otherKey(t), "--device", s.disk, "--yes"}, "not signed by this release key"},
	} {
		code, _, errs := s.flash(c.args...)
		if code == exitDone || !strings.Contains(errs, c.says) || !strings.Contains(errs, "hint: ") {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
	if b, err := os.ReadFile(s.image); err != nil || os.WriteFile(s.image, append(b, 0), 0o600) != nil {
		t.Fatal(err)
	}
	if code, _, errs := s.flash(append(all, "--yes")...); code == exitDone || !strings.Contains(errs, "u.img.zst") {
		t.Errorf("a changed image: exit %d: %s", code, errs)
	}
	if info, err := os.Stat(s.disk); err != nil || info.Size() != image.DiskSize || written(t, s.disk) {
		t.Error("the card was written to")
	}
}

func otherKey(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "public.pem")
	if err := os.WriteFile(path, publicPEM(t, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{4}, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func written(t *testing.T, disk string) bool {
	t.Helper()
	f, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 1<<20)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	return bytes.Count(head, []byte{0}) != len(head)
}

// TestFlashOtherBoardsDisk: a unit's disk does not become one of another board
// by mistake.
func TestFlashOtherBoardsDisk(t *testing.T) {
	s := newShelf(t)
	f, err := os.OpenFile(s.disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(emptyTable(image.DiskGUID("sim")), 512); err != nil {
		t.Fatal(err)
	}
	all := []string{"--image", s.image, "--key", s.key, "--device", s.disk, "--yes"}
	if code, _, errs := s.flash(all...); code == exitDone || !strings.Contains(errs, "is a disk of board sim") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := s.flash(append(all, "--board", "qemu-virt")...); code != exitDone {
		t.Errorf("with --board: exit %d: %s", code, errs)
	}
}

// emptyTable is a partition table without partitions: header and entries
// (UEFI specification 2.10, section 5.3.2).
func emptyTable(disk image.GUID) []byte {
	b := make([]byte, 512+128*128)
	h, le := b[:92], binary.LittleEndian
	copy(h, "EFI PART\x00\x00\x01\x00")
	le.PutUint32(h[12:], 92)
	le.PutUint64(h[24:], 1)
	le.PutUint64(h[32:], image.DiskSize/512-1)
	for i, from := range [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} { // the first three fields are little-endian
		h[56+i] = disk[from]
	}
	le.PutUint64(h[72:], 2)
	le.PutUint32(h[80:], 128)
	le.PutUint32(h[84:], 128)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(b[512:]))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h))
	return b
}
