package image

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"volar/boards"
)

// Everything that an image is made of, in small: a kernel that is only a
// header, programs that end at once, a boot loader that is only the marks.

// program is a static arm64 program, built once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "program")
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./testdata/program")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64", "GOOS=linux", "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return path, nil
})

// scratch is a folder for what several tests share.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "volar-image-test"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// tools skips a test where the machine lacks a program that it needs.
func tools(t testing.TB, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			if _, err := exec.LookPath("/usr/sbin/" + n); err != nil {
				t.Skipf("this machine has no %s: run scripts/setup image", n)
			}
		}
	}
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

var testKeys = sync.OnceValues(func() (*Keys, error) {
	dir := filepath.Join(scratch, "keys")
	if err := MakeKeys(dir); err != nil {
		return nil, err
	}
	return ReadKeys(dir)
})

// marks is a boot loader's environment without a key, from the script itself.
func marks(t testing.TB) []byte {
	t.Helper()
	script, err := os.ReadFile("uboot/boot.env")
	if err != nil {
		t.Fatal(err)
	}
	out := []byte("loader\x00")
	for line := range strings.Lines(string(script)) {
		if strings.HasPrefix(line, "key") {
			out = append(out, strings.TrimSpace(line)+"\x00"...)
		}
	}
	return out
}

// inputs are those of a board, in small.
func inputs(t testing.TB, board string) Inputs {
	t.Helper()
	tools(t, "mkimage", "dtc", "mkfs.erofs")
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	b, err := boards.Load(os.DirFS("../../boards"), board)
	if err != nil {
		t.Fatal(err)
	}
	small := *b.Boot
	small.Early, small.Late = nil, nil
	b.Boot = &small
	elf, err := program()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(elf)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	kernel := make([]byte, 64<<10)
	copy(kernel[56:], "ARM\x64")
	put(t, at("kernel/Image"), kernel)
	put(t, at("kernel/lib/modules/1/modules.builtin"), nil)
	put(t, at("kernel/origin"), []byte("kernel-source deb amd64 linux-source 6.12 file "+strings.Repeat("ab", 32)+"\n"))
	put(t, at("loader/u-boot.bin"), marks(t))
	put(t, at("loader/origin"), []byte("uboot src amd64 u-boot 2023.01 file "+strings.Repeat("cd", 32)+"\n"))
	put(t, at("programs/palmd"), raw)
	put(t, at("programs/palminit"), raw)
	put(t, at("sysroot/sbin/mke2fs"), raw)
	put(t, at("sysroot/packages.list"), []byte("e2fsprogs 1.47.0-2+b2 arm64 sbin/mke2fs\n"))
	return Inputs{
		Board: b, Folder: filepath.Join("../../boards", board), Keys: keys, Authority: keys.Release.Public().(ed25519.PublicKey),
		Release:  Release{Version: "1.2.3", Serial: 1002003, Floor: 1, Built: 1750000000},
		Programs: at("programs"), Kernel: at("kernel"), Loader: at("loader"), Sysroots: []string{at("sysroot")}, Packages: at("packages"),
		Out: at("out"),
	}
}

func build(t testing.TB, in Inputs) *Built {
	t.Helper()
	b, err := Build(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shared is an image of qemu-virt that tests read, and put back as it was.
func shared(t testing.TB) (Inputs, *Built) {
	t.Helper()
	in := inputs(t, "qemu-virt")
	in.Out = filepath.Join(scratch, "shared")
	once.Do(func() { sharedImage = build(t, in) })
	if sharedImage == nil {
		t.Skip("the image of all tests was not built")
	}
	return in, sharedImage
}

var (
	once        sync.Once
	sharedImage *Built
)

func verify(t testing.TB, where string, in Inputs) *Report {
	t.Helper()
	r, err := Verify(context.Background(), where, in.Keys.Public(), os.DirFS("../../boards"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found is what a report says of one check.
func found(r *Report, name string) Check {
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	return Check{}
}

func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func sameFiles(t testing.TB, a, b string) {
	t.Helper()
	list, err := os.ReadDir(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		x, y := filepath.Join(a, e.Name()), filepath.Join(b, e.Name())
		if e.IsDir() {
			sameFiles(t, x, y)
			continue
		}
		one, err := os.ReadFile(x)
		if err != nil {
			t.Fatal(err)
		}
		if two, err := os.ReadFile(y); err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s differs between two builds of the same input (%v)", e.Name(), err)
		}
	}
}
