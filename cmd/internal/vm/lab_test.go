package vm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"volar/wire/bootstate"
)

// lab is what the scenarios share: the repository's builds, keys, images.
type lab struct {
	t    *testing.T
	root string // of the repository
	dir  string // for images, units and keys
	bin  string // palmctl, palmhost and the rest, for this machine
	ctl  string // palmctl

	keys  string // folder of the maker's keys
	note  *notes
	brief bool // no more than make test has time for

	strange sync.Mutex // held while another maker's keys and image are made
}

// prerequisite is a file that `make vm` makes before it runs the test.
var prerequisites = []string{"build/image/programs/palmd", "build/image/programs/palminit", "build/uboot/qemu-virt/u-boot.bin", "build/debs/e2fsprogs"}

func newLab(t *testing.T) *lab {
	bin, how := os.Getenv("VOLAR_BIN"), os.Getenv("VOLAR_VM")
	switch how {
	case "whole", "brief":
	case "":
		t.Skip("VOLAR_VM says not how much is to be played: make vm plays it whole, make test briefly, after the other packages")
	default:
		t.Fatalf("VOLAR_VM=%q, allowed whole and brief", how)
	}
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs: make vm sets it")
	}
	if err := Missing(); err != nil {
		t.Skip(err)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prerequisites {
		if _, err := os.Stat(filepath.Join(root, p)); err != nil {
			t.Skipf("no %s: make vm builds it", p)
		}
	}
	l := &lab{t: t, root: root, dir: t.TempDir(), bin: bin, ctl: filepath.Join(bin, "palmctl"), note: newNotes(), brief: how == "brief"}
	l.keys = filepath.Join(l.dir, "keys")
	l.palmctl(t, "image", "key", l.keys)
	return l
}

// palmctl runs the tool in the repository's folder and returns what it prints.
func (l *lab) palmctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := l.tryPalmctl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (l *lab) tryPalmctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, l.ctl, args...)
	cmd.Dir = l.root
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("palmctl %s: %w: %s%s", strings.Join(args, " "), err, tail(out.String()), tail(said.String()))
	}
	return out.String(), nil
}

func tail(s string) string { return s[max(0, len(s)-1500):] }

// build makes an image with these keys and returns its folder.
func (l *lab) build(t *testing.T, name, version, keys string, more ...string) string {
	t.Helper()
	out := filepath.Join(l.dir, name)
	l.palmctl(t, append([]string{"image", "build", "--board", "qemu-virt", "--version", version, "--key", keys, "--development", "--out", out}, more...)...)
	return out
}

// foreign is an image of another maker, and the folder of its keys.
func (l *lab) foreign(t *testing.T) (build, keys string) {
	t.Helper()
	l.strange.Lock()
	defer l.strange.Unlock()
	build, keys = filepath.Join(l.dir, "foreign"), filepath.Join(l.dir, "foreign-keys")
	if _, err := os.Stat(build); err == nil {
		return build, keys
	}
	l.palmctl(t, "image", "key", keys)
	return l.build(t, "foreign", "9.9.9", keys, "--floor", "2"), keys
}

// disk is the image in a build's folder.
func (l *lab) disk(build string) string {
	l.t.Helper()
	found, err := filepath.Glob(filepath.Join(build, "*.img"))
	if err != nil || len(found) != 1 {
		l.t.Fatalf("images in %s: %q, %v", build, found, err)
	}
	return found[0]
}

// digest is one over all files of a folder, names and contents.
func (l *lab) digest(dir string) [32]byte {
	l.t.Helper()
	h := sha256.New()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		fmt.Fprintln(h, name)
		_, err = io.Copy(h, f)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// fresh is a unit as it comes from flashing a build, and the certificates of
// its TPM's maker.
func (l *lab) fresh(t *testing.T, name, build string) (Unit, []byte) {
	t.Helper()
	u, makers, err := New(filepath.Join(l.dir, "units", name), l.disk(build), filepath.Join(build, "u-boot.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return u, makers
}

// clone is another unit in the state of u, for as long as the test t runs.
func (l *lab) clone(t *testing.T, u Unit) Unit {
	t.Helper()
	c, err := u.Clone(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// folder is a temporary folder with a short and plain name: commas in a path
// end it for QEMU and swtpm, and a socket's path has 108 bytes at most.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// patience is how long a unit may take to come up on a machine that does
// other things too: in seconds it is a dozen or so when it does not.
const patience = 4 * time.Minute

func (l *lab) start(t *testing.T, u Unit) *Machine {
	t.Helper()
	m, err := u.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Cut)
	return m
}

// await waits for a line of the console.
func await(t *testing.T, m *Machine, pattern string) []string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	found, err := m.Console.Wait(ctx, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// up waits until the unit runs and returns its slot and version.
func up(t *testing.T, m *Machine) (slot, version string) {
	t.Helper()
	found := await(t, m, `msg="unit is up" slot=(\S+) version=(\S+)`)
	return found[1], found[2]
}

// bootState is what the boot loader's block says on a disk that nobody uses.
func bootState(t *testing.T, u Unit) bootstate.State {
	t.Helper()
	f, err := os.Open(u.Disk())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at, size := partition(t, u, "bootstate")
	s, _, err := bootstate.Read(io.NewSectionReader(f, at, size))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setBootState writes the boot loader's block of a disk that nobody uses.
func setBootState(t *testing.T, u Unit, s bootstate.State) {
	t.Helper()
	block, err := bootstate.Image(s)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := partition(t, u, "bootstate")
	edit(t, u, at, len(block), func(b []byte) { copy(b, block) })
}

var partLine = regexp.MustCompile(`(?m)start=\s*(\d+), size=\s*(\d+),.* name="([^"]+)"`)

// partition says where a partition lies, in bytes.
func partition(t *testing.T, u Unit, name string) (at, size int64) {
	t.Helper()
	out, err := exec.Command("sfdisk", "--dump", u.Disk()).Output()
	if err != nil {
		t.Fatalf("sfdisk: %v", err)
	}
	for _, m := range partLine.FindAllStringSubmatch(string(out), -1) {
		if m[3] == name {
			fmt.Sscan(m[1], &at)
			fmt.Sscan(m[2], &size)
			return at * 512, size * 512
		}
	}
	t.Fatalf("no partition %s in\n%s", name, out)
	return 0, 0
}

// flip flips one bit of a partition.
func flip(t *testing.T, u Unit, name string, offset int64) {
	t.Helper()
	at, _ := partition(t, u, name)
	edit(t, u, at+offset, 1, func(b []byte) { b[0] ^= 4 })
}

// put writes a file to the start of a partition.
func put(t *testing.T, u Unit, name, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := partition(t, u, name)
	edit(t, u, at, len(b), func(to []byte) { copy(to, b) })
}

func edit(t *testing.T, u Unit, at int64, n int, change func([]byte)) {
	t.Helper()
	f, err := os.OpenFile(u.Disk(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, n)
	if _, err = f.ReadAt(b, at); err == nil {
		change(b)
		_, err = f.WriteAt(b, at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// save writes what was measured where `make bench` looks for it.
func (l *lab) save(path string) {
	b, err := json.MarshalIndent(l.note, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o644)
	}
	if err != nil {
		l.t.Error(err)
	}
}
