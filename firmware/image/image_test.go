package image

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The same input gives the same bytes in everything that is made, whatever
// time it is, and verify finds nothing wrong with it.
func TestBuildIsReproducible(t *testing.T) {
	in, one := shared(t)
	in.Out += "-again"
	two := build(t, in)
	sameFiles(t, one.Dir, two.Dir)
	r := verify(t, one.Dir, in)
	for _, c := range r.Checks {
		if c.Result != CheckOK {
			t.Errorf("%s: %s: %s", c.Name, c.Result, c.Says)
		}
	}
	if !r.OK || len(r.Checks) != 14 {
		t.Errorf("%d checks, ok %v; want 14, all well", len(r.Checks), r.OK)
	}
	at := one.Manifest.Partitions[1].Start + 77
	flip(t, filepath.Join(one.Dir, one.Manifest.Image.File), at)
	defer flip(t, filepath.Join(one.Dir, one.Manifest.Image.File), at)
	if c := found(verify(t, one.Dir, in), "slots"); c.Result != CheckSkipped || !strings.Contains(c.Says, "first at byte 77") {
		t.Errorf("one slot damaged at byte 77: %+v", c)
	}
	if len(one.Steps) != 8 {
		t.Errorf("%d steps were timed, want 8", len(one.Steps))
	}
}

// An image that was unpacked again is the image: what verify reads from the
// compressed form is what flashing writes.
func TestVerifyCompressed(t *testing.T) {
	in := inputs(t, "qemu-virt")
	b := build(t, in)
	if err := os.Remove(filepath.Join(b.Dir, b.Manifest.Image.File)); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, filepath.Join(b.Dir, b.Manifest.Packed.File), in); !r.OK {
		t.Errorf("%+v", r.Checks)
	}
	if _, err := CheckFolder(b.Dir, in.Keys.Public().Release); err != nil {
		t.Error(err)
	}
	flip(t, filepath.Join(b.Dir, b.Manifest.Packed.File), 5000)
	if _, err := CheckFolder(b.Dir, in.Keys.Public().Release); err == nil || !strings.Contains(err.Error(), ".img.zst is not the file that was signed") {
		t.Errorf("CheckFolder of a damaged file: %v", err)
	}
}

// One flipped bit anywhere is found, and said where.
func TestVerifySaysWhere(t *testing.T) {
	in, b := shared(t)
	at := map[string]int64{}
	for _, p := range b.Manifest.Partitions {
		at[p.Name] = p.Start
	}
	fit, err := os.ReadFile(filepath.Join(b.Dir, "slot/boot.fit"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parseTree(fit)
	if err != nil {
		t.Fatal(err)
	}
	conf := tree.nodes["/configurations/conf/signature-1"]
	data := b.Manifest.Verity.DataBlocks * verityBlock
	image := b.Manifest.Image.File
	type damage struct {
		name, file string
		at         int64
		check      string
		says       string
	}
	for _, group := range [][]damage{ // what can be damaged at once and still be told apart
		{{"manifest", "manifest.json", 20, "manifest", "not signed by this release key"}},
		{{"signature", "manifest.json.sig", 3, "manifest", "not signed by this release key"}},
		{
			{"kernel", image, at[PartBootA] + int64(tree.nodes["/images/kernel"].at["data"]) + 100, "boot_a", "the kernel (bytes"},
			{"FIT's header", image, at[PartBootB], "boot_b", "no FIT"},
			{"boot state", image, at[PartBootState] + 10, "boot state", "copy 1"},
			{"unit", image, at[PartUnit] + 2<<20, "blank", "unit holds something at byte 2097152"},
			{"boot loader", "u-boot.bin", 3, "boot files", "u-boot.bin has SHA-256"},
			{"bill of materials", "sbom.cdx.json", 30, "file sbom.cdx.json", "not the file that was signed"},
		},
		{
			{"kernel's hash", image, at[PartBootA] + int64(tree.nodes["/images/kernel/hash-1"].at["value"]), "boot_a", "description was changed after signing"},
			{"ramdisk", image, at[PartBootB] + int64(tree.nodes["/images/ramdisk"].at["data"]) + 100, "boot_b", "the ramdisk (bytes"},
			{"boot state, second copy", image, at[PartBootState] + 512<<10 + 10, "boot state", "copy 2"},
		},
		{
			{"root's data", image, at[PartRootA] + 5*verityBlock + 7, "root_a", "block 5 (byte 20480 of the root) is not what was signed"},
			{"root's last block", image, at[PartRootB] + data - 1, "root_b", "is not what was signed"},
		},
		{
			{"load address", image, at[PartBootA] + int64(tree.nodes["/images/kernel"].at["load"]) + 1, "boot_a", "description was changed after signing"},
			{"hash tree's top", image, at[PartRootB] + data + 40, "root_b", "hash tree"},
		},
		{{"FIT's signature", image, at[PartBootA] + int64(conf.at["value"]) + 9, "boot_a", "not signed by this release key"}},
		{{"first table", image, 512 + 60, "partition table", "sector 1 has a wrong checksum"}},
		{{"first entries", image, 1024 + 60, "partition table", "entries in sector 2"}},
		{{"last table", image, DiskSize - 500, "partition table", "sector 1048575 "}},
	} {
		for _, c := range group {
			flip(t, filepath.Join(b.Dir, c.file), c.at)
		}
		r := verify(t, b.Dir, in)
		for _, c := range group {
			got := found(r, c.check)
			if r.OK || got.Result != CheckWrong || !strings.Contains(got.Says, c.says) || got.Hint == "" {
				t.Errorf("%s: %s is %s: %q (hint %q); want wrong, saying %q", c.name, c.check, got.Result, got.Says, got.Hint, c.says)
			}
			flip(t, filepath.Join(b.Dir, c.file), c.at)
		}
	}
}

// Another release's keys open nothing, and a stranger's slot does not pass in
// an image whose manifest was signed again.
func TestVerifyRefusesStrangers(t *testing.T) {
	in, b := shared(t)
	dir := filepath.Join(t.TempDir(), "keys")
	if err := MakeKeys(dir); err != nil {
		t.Fatal(err)
	}
	stranger, err := ReadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Verify(context.Background(), b.Dir, stranger.Public(), os.DirFS("../../boards"))
	if err != nil || r.OK || found(r, "manifest").Result != CheckWrong {
		t.Errorf("with a stranger's keys: %+v, %v", r, err)
	}
	mixed := in.Keys.Public()
	mixed.Boot = &stranger.Boot.PublicKey
	r, err = Verify(context.Background(), b.Dir, mixed, os.DirFS("../../boards"))
	if err != nil || r.OK {
		t.Fatal(r, err)
	}
	for name, says := range map[string]string{"boot_a": "not signed by this release key", "boot_b": "not signed", "boot files": "trusts another release key"} {
		if c := found(r, name); c.Result != CheckWrong || !strings.Contains(c.Says, says) {
			t.Errorf("%s with a stranger's boot key: %+v", name, c)
		}
	}
}

// A slot without a signature is refused, whatever else is right with it.
func TestUnsigned(t *testing.T) {
	in, b := shared(t)
	fit, err := os.ReadFile(filepath.Join(b.Dir, "slot/boot.fit"))
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Replace(fit, []byte("signature-1\x00"), []byte("signature-2\x00"), 1)
	if _, err := checkFIT(plain, in.Keys.Public().Boot); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("checkFIT = %v", err)
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, in *Inputs)
		want   string
	}{
		{"version", func(_ *testing.T, in *Inputs) { in.Release.Version = "1.2" }, "version"},
		{"floor", func(_ *testing.T, in *Inputs) { in.Release.Floor = 0 }, "floor 0"},
		{"board that is not flashed", func(_ *testing.T, in *Inputs) { in.Board.Boot = nil }, "never flashed"},
		{"authority", func(_ *testing.T, in *Inputs) { in.Authority = nil }, "signs provisioning tickets"},
		{"module that the kernel lacks", func(_ *testing.T, in *Inputs) { in.Board.Boot.Late = []string{"vivid"} }, "module vivid"},
		{"boot loader of others", func(t *testing.T, in *Inputs) { put(t, in.Loader+"/u-boot.bin", []byte("U-Boot")) }, "not built by scripts/uboot"},
		{"program for another processor", func(t *testing.T, in *Inputs) {
			raw, err := os.ReadFile(in.Programs + "/palmd")
			if err != nil {
				t.Fatal(err)
			}
			raw[18] = byte(elf.EM_X86_64) // e_machine
			put(t, in.Programs+"/palmd", raw)
		}, "units have arm64"},
		{"kernel too large", func(t *testing.T, in *Inputs) {
			if err := os.Truncate(in.Kernel+"/Image", BootSize); err != nil {
				t.Fatal(err)
			}
		}, "its partition 67108864"},
		{"file of no package", func(t *testing.T, in *Inputs) { put(t, in.Sysroots[0]+"/packages.list", nil) }, "no package"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := inputs(t, "qemu-virt")
			c.change(t, &in)
			_, err := Build(context.Background(), in)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Build = %v, want an error with %q", err, c.want)
			}
			if _, err := os.Stat(in.Out); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a build that failed left %s behind", in.Out)
			}
		})
	}
}

func TestBuildWritesOverNothing(t *testing.T) {
	in := inputs(t, "qemu-virt")
	put(t, filepath.Join(in.Out, "precious"), nil)
	if _, err := Build(context.Background(), in); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Build = %v", err)
	}
}

// Other programs read the same from an image as we wrote.
func TestOthersAgree(t *testing.T) {
	_, b := shared(t)
	image := filepath.Join(b.Dir, b.Manifest.Image.File)
	t.Run("sfdisk", func(t *testing.T) {
		tools(t, "sfdisk")
		c := exec.Command("sfdisk", "--verify", image)
		c.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin")
		if c.Path, _ = exec.LookPath("/usr/sbin/sfdisk"); c.Path == "" {
			c = exec.Command("sfdisk", "--verify", image)
		}
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "No errors detected") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("bmaptool", func(t *testing.T) {
		tools(t, "bmaptool")
		to := filepath.Join(t.TempDir(), "card")
		if out, err := exec.Command("bmaptool", "copy", "--bmap", image+".bmap", image+".zst", to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if out, err := exec.Command("cmp", image, to).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("sha256sum", func(t *testing.T) {
		c := exec.Command("sha256sum", "-c", filepath.Base(image)+".sha256")
		c.Dir = b.Dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("veritysetup", func(t *testing.T) {
		tools(t, "veritysetup")
		v := b.Manifest.Verity
		root := filepath.Join(b.Dir, "slot/root.img")
		args := []string{"verify", root, root, v.Root, "--no-superblock", "--format=1", "--hash=sha256", "--data-block-size=4096",
			"--hash-block-size=4096", "--salt=" + v.Salt, "--hash-offset=" + num(v.HashBlock*verityBlock), "--data-blocks=" + num(v.DataBlocks)}
		path, err := exec.LookPath("veritysetup")
		if err != nil {
			path = "/usr/sbin/veritysetup"
		}
		if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func num(n int64) string { return strconv.FormatInt(n, 10) }
