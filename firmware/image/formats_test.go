package image

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/cpio"
)

// The numbers that go into the boot loader are those that mkimage would write
// into its device tree.
func TestKeyNumbersAreMkimages(t *testing.T) {
	tools(t, "mkimage", "dtc", "openssl")
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		if err := tool(context.Background(), dir, 1, name, args...); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "kernel"), []byte("k"))
	put(t, filepath.Join(dir, "ramdisk"), []byte("r"))
	put(t, filepath.Join(dir, "base.dts"), []byte("/dts-v1/; / { };"))
	run("dtc", "-O", "dtb", "-o", "base.dtb", "base.dts")
	var its bytes.Buffer
	if err := fitSource.Execute(&its, map[string]any{"Board": "b", "Version": "1", "Address": "0x0", "Tree": false}); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "fit.its"), its.Bytes())
	if err := writeKey(filepath.Join(dir, "boot.key"), keys.Boot); err != nil {
		t.Fatal(err)
	}
	run("openssl", "req", "-batch", "-new", "-x509", "-key", "boot.key", "-out", "boot.crt", "-subj", "/CN=boot")
	run("mkimage", "-f", "fit.its", "-k", ".", "-K", "base.dtb", "-r", "out.fit")
	blob, err := os.ReadFile(filepath.Join(dir, "base.dtb"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parseTree(blob)
	if err != nil {
		t.Fatal(err)
	}
	n := tree.nodes["/signature/key-boot"]
	if n == nil {
		t.Fatalf("mkimage wrote no key: %v", tree.order)
	}
	for mark, prop := range map[string]string{markModulus: "rsa,modulus", markRSquared: "rsa,r-squared", markInverse: "rsa,n0-inverse"} {
		have := strings.ReplaceAll(strings.ReplaceAll(keyNumbers(&keys.Boot.PublicKey)[mark], "0x", ""), " ", "")
		if want := hex.EncodeToString(n.props[prop]); have != want {
			t.Errorf("%s is\n%s, mkimage says\n%s", prop, have, want)
		}
	}
}

func TestLoaderKey(t *testing.T) {
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	raw := marks(t)
	if err := checkLoader(raw, &keys.Boot.PublicKey); err == nil || !strings.Contains(err.Error(), "no release key") {
		t.Errorf("a boot loader without key: %v", err)
	}
	out, err := withKey(raw, &keys.Boot.PublicKey)
	if err != nil || len(out) != len(raw) {
		t.Fatal(err)
	}
	if err := checkLoader(out, &keys.Boot.PublicKey); err != nil {
		t.Error(err)
	}
	if _, err := withKey(append(raw, raw...), &keys.Boot.PublicKey); err == nil {
		t.Error("two places for a key were taken")
	}
}

// Trees of one, two and three levels; where a block is damaged is found.
func TestVerityLevels(t *testing.T) {
	for _, blocks := range []int{1, 2, 128, 129, 129 * 128} {
		data := make([]byte, blocks*verityBlock)
		for i := range blocks {
			data[i*verityBlock] = byte(i)
			data[i*verityBlock+1] = byte(i >> 8)
		}
		root, v, err := newVerity(data, []byte("salt"))
		if err != nil {
			t.Fatal(err)
		}
		if whole, _, err := v.size(); err != nil || whole != int64(len(root)) {
			t.Errorf("%d blocks: %d bytes by the numbers, %d in truth (%v)", blocks, whole, len(root), err)
		}
		if err := v.check(bytes.NewReader(root)); err != nil {
			t.Errorf("%d blocks: %v", blocks, err)
		}
		n := blocks - 1
		root[n*verityBlock+100] ^= 1
		want := fmt.Sprintf("block %d (byte %d", n, n*verityBlock)
		if blocks == 1 {
			want = "the tree belongs to its root"
		}
		if err := v.check(bytes.NewReader(root)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d blocks, the last damaged: %v, want %q", blocks, err, want)
		}
	}
	for _, v := range []Verity{{}, {Root: strings.Repeat("00", 32), DataBlocks: 1 << 40, HashBlock: 1 << 40}, {Root: strings.Repeat("00", 32), Salt: "x", DataBlocks: 1, HashBlock: 1}} {
		if _, _, err := v.size(); err == nil {
			t.Errorf("numbers were taken: %+v", v)
		}
	}
}

// Another reader finds the same files in the initramfs.
func TestInitramfs(t *testing.T) {
	files := map[string][]byte{"init": []byte("#"), "etc/volar/release.json": []byte("{}\n"), "lib/modules/boot/order": nil}
	b := initramfs(files, "newroot")
	have, err := readInitramfs(b)
	if err != nil || len(have) != len(files) {
		t.Fatalf("%v, %v", have, err)
	}
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(b)))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]cpio.Record{}
	for _, r := range records {
		names[r.Name] = r
	}
	for name, want := range files {
		content, err := io.ReadAll(io.NewSectionReader(names[name], 0, int64(names[name].FileSize)))
		if err != nil || !bytes.Equal(content, want) || !bytes.Equal(have[name], want) {
			t.Errorf("%s holds %q and %q, want %q (%v)", name, content, have[name], want, err)
		}
	}
	for _, dir := range []string{"dev", "newroot", "etc/volar", "lib/modules/boot"} {
		if names[dir].Mode&0o170000 != modeDir {
			t.Errorf("no folder %s", dir)
		}
	}
	if c := names["dev/console"]; c.Mode&0o170000 != modeChar || c.Rmajor != 5 || c.Rminor != 1 {
		t.Errorf("dev/console is %+v", c)
	}
	if names["init"].Mode&0o111 == 0 || names["etc/volar/release.json"].Mode&0o111 != 0 {
		t.Error("init must be a program, and nothing else")
	}
}

func TestTable(t *testing.T) {
	good := &Table{Disk: DiskGUID("b"), Size: DiskSize, Parts: []Partition{{"one", 8 * mib, mib}, {"two", 9 * mib, mib}}}
	disk := func(t *Table) []byte {
		b := make([]byte, t.Size)
		head, tail := t.bytes("b")
		copy(b, head)
		copy(b[len(b)-len(tail):], tail)
		return b
	}
	small := *good
	small.Size = 16 * mib
	b := disk(&small)
	for _, read := range []func(io.ReaderAt, int64) (*Table, error){ReadTable, readBackup} {
		got, err := read(bytes.NewReader(b), small.Size)
		if err != nil || got.Disk != small.Disk || len(got.Parts) != 2 || got.Parts[1] != small.Parts[1] {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for name, parts := range map[string][]Partition{
		"overlapping":     {{"one", 8 * mib, 2 * mib}, {"two", 9 * mib, mib}},
		"out of order":    {{"two", 9 * mib, mib}, {"one", 8 * mib, mib}},
		"behind the end":  {{"one", 15 * mib, 2 * mib}},
		"over the header": {{"one", 0, mib}},
	} {
		bad := small
		bad.Parts = parts
		if got, err := ReadTable(bytes.NewReader(disk(&bad)), bad.Size); err == nil {
			t.Errorf("%s: read %+v", name, got.Parts)
		}
	}
	if DiskGUID("rpi4") == DiskGUID("imx8mp") {
		t.Error("two boards have one disk GUID")
	}
}

func TestPCR8(t *testing.T) {
	fit := sha256.Sum256([]byte("fit"))
	want := sha256.Sum256(append(make([]byte, 32), fit[:]...))
	if PCR8(fit) != want {
		t.Error("PCR 8 is not the extension of zeros by the FIT's hash")
	}
}

func TestSerialOf(t *testing.T) {
	for version, want := range map[string]uint64{"1.2.3": 1002003, "0.1.0-rc.1": 1000, "12.345.678": 12345678} {
		if got, err := SerialOf(version); err != nil || got != want {
			t.Errorf("SerialOf(%s) = %d, %v", version, got, err)
		}
	}
	for _, version := range []string{"", "1", "1.2", "1.2.3.4", "v1.2.3", "1.1000.0", "1.2.3-", "1.2.3 "} {
		if got, err := SerialOf(version); err == nil {
			t.Errorf("SerialOf(%q) = %d", version, got)
		}
	}
}

// Every byte of a file that a signature is over counts: none of the parsers
// may fall over what a disk holds.
func FuzzTree(f *testing.F) {
	tools(f, "mkimage", "dtc")
	key, err := rsa.GenerateKey(rand.Reader, bootBits)
	if err != nil {
		f.Fatal(err)
	}
	fit, err := buildFIT(context.Background(), f.TempDir(), fitParts{Kernel: []byte("kernel"), Ramdisk: []byte("ramdisk"), Tree: []byte("tree")}, key, 1)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := checkFIT(fit, &key.PublicKey); err != nil {
		f.Fatal(err)
	}
	f.Add(fit)
	f.Add([]byte{0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 40})
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := checkFIT(raw, &key.PublicKey)
		if err == nil && (string(got.Images["kernel"]) != "kernel" || string(got.Images["ramdisk"]) != "ramdisk" || string(got.Images["fdt"]) != "tree") {
			t.Error("another FIT passes")
		}
	})
}

func FuzzInitramfs(f *testing.F) {
	f.Add(initramfs(map[string][]byte{"init": []byte("x"), "a/b": nil}))
	f.Fuzz(func(_ *testing.T, raw []byte) { _, _ = readInitramfs(raw) })
}

func FuzzTable(f *testing.F) {
	small := Table{Disk: DiskGUID("b"), Size: 128 << 10, Parts: []Partition{{"one", 64 << 10, 4096}}}
	head, _ := small.bytes("b")
	f.Add(head)
	f.Fuzz(func(t *testing.T, raw []byte) {
		disk := make([]byte, small.Size)
		copy(disk, raw)
		got, err := ReadTable(bytes.NewReader(disk), small.Size)
		if err != nil {
			return
		}
		end := int64(0)
		for _, p := range got.Parts {
			if p.Start < end || p.Size < 1 || p.Start+p.Size > small.Size {
				t.Errorf("read %+v", got.Parts)
			}
			end = p.Start + p.Size
		}
	})
}

func FuzzFAT(f *testing.F) {
	f.Add(make([]byte, 512))
	f.Fuzz(func(_ *testing.T, raw []byte) { _, _ = readFAT(bytes.NewReader(raw), int64(len(raw))) })
}

func FuzzBlobs(f *testing.F) {
	f.Add("a drop 1 x ?\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseBlobs(text)
		for _, b := range list {
			if err == nil && (strings.Contains(b.Name, "/") || strings.Contains(b.Path, "..") && !strings.Contains(filepath.Base(b.Path), "..")) {
				t.Errorf("parseBlobs took %+v", b)
			}
		}
	})
}
