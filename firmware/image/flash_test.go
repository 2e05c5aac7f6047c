package image

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A card is flashed on another computer, by the palmctl of that: on Debian's
// kernel in a drive that says that it can be opened, on ours in a reader on
// USB. The card was a Pi's, and is still mounted at first. What is on it in the
// end is the image, and boots.
func TestFlashOnAnotherComputer(t *testing.T) {
	s := newBench(t)
	for _, c := range []struct {
		kernel, bus string
		drive       []string
	}{
		{"cloud", "removable", []string{"-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=card,removable=on"}},
		{"product", "usb", []string{"-device", "qemu-xhci", "-device", "usb-storage,drive=card"}},
	} {
		t.Run(c.bus, func(t *testing.T) {
			if !isFile("../../build/kernel/" + c.kernel + "/Image") {
				t.Skipf("no kernel build/kernel/%s: scripts/kernel %s makes it", c.kernel, c.kernel)
			}
			card := s.usedCard(t)
			fixed := filepath.Join(t.TempDir(), "fixed")
			put(t, fixed, make([]byte, mib))
			m := computer{
				kernel:   c.kernel,
				modules:  []string{"virtio_pci", "virtio_blk", "virtio_scsi?", "sd_mod", "erofs"},
				programs: map[string]string{"palmctl": "build -trimpath volar/cmd/palmctl"},
				files:    s.files(t),
				devices: append([]string{"-drive", "if=none,id=card,format=raw,file=" + card,
					"-drive", "if=none,id=fixed,format=raw,file=" + fixed, "-device", "virtio-blk-pci,drive=fixed"}, c.drive...),
			}
			const flash = "/palmctl flash --image /image/volar-qemu-virt-1.2.3.img.zst --key /public.pem"
			steps := []struct{ command, says string }{
				{"mount erofs /dev/sda1 /mnt", "exit status 0"},
				{"/palmctl flash", c.bus},
				{flash + " --yes --device sda", "it is in use: mounted at /mnt"},
				{"umount /mnt", "exit status 0"},
				{flash + " --yes --device vda", "it is built in"},
				{flash + " --yes --device /dev/sda1", "only a part of one"},
				{flash + " --yes --device sda", "is a disk of board rpi4, the image is for qemu-virt"},
				{flash + " --yes --device sda --board rpi4", "the image is for board qemu-virt, not rpi4"},
				{"echo sdb | " + flash + " --device sda --board qemu-virt", "nothing was written"},
				{"echo sda | " + flash + " --device sda --board qemu-virt", "exit status 0"},
				{flash + " --device sda --yes --json", `"step":"done"`},
			}
			var commands []string
			for _, step := range steps {
				commands = append(commands, step.command)
			}
			said := strings.Split(m.run(t, commands...), "$ ")
			if len(said) != 1+len(steps) {
				t.Fatalf("in the machine:\n%s", strings.Join(said, "$ "))
			}
			for i, step := range steps {
				if !strings.Contains(said[1+i], step.says) {
					t.Errorf("want %q:\n%s", step.says, said[1+i])
				}
			}
			s.same(t, card)
			if lines, started := s.boot(card, true); !started {
				t.Errorf("the card does not boot: %q", lines)
			}
		})
	}
}

// files are what palmctl flashes the bench's image from, and the key for it.
func (s *bench) files(t *testing.T) map[string][]byte {
	t.Helper()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	public, err := keys.Public().Export()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"public.pem": public}
	for _, name := range []string{"volar-qemu-virt-1.2.3.img.zst", "volar-qemu-virt-1.2.3.img.bmap", "manifest.json", "manifest.json.sig"} {
		if files["image/"+name], err = os.ReadFile(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// usedCard is a card, larger than the image, whose table is that of a Pi's unit
// and which has a file system, where the image says what is to be there.
func (s *bench) usedCard(t *testing.T) string {
	t.Helper()
	const size = DiskSize + 64*mib
	dir := t.TempDir()
	content, system := filepath.Join(dir, "content"), filepath.Join(dir, "erofs")
	put(t, filepath.Join(content, "photo"), bytes.Repeat([]byte("palm"), 1<<10))
	if out, err := exec.Command("mkfs.erofs", system, content).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.erofs: %v: %s", err, out)
	}
	files, err := os.ReadFile(system)
	if err != nil {
		t.Fatal(err)
	}
	at := Partition{Name: PartData, Start: s.start[PartUnit], Size: 4 * mib}
	table := Table{Disk: DiskGUID("rpi4"), Size: size, Parts: []Partition{at}}
	head, tail := table.bytes("rpi4")
	card := filepath.Join(dir, "card")
	f, err := os.Create(card)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []struct {
		b  []byte
		at int64
	}{{head, 0}, {files, at.Start}, {tail, size - int64(len(tail))}} {
		if _, err := f.WriteAt(part.b, part.at); err != nil {
			t.Fatal(err)
		}
	}
	return card
}

// same checks that a card begins with the bench's image.
func (s *bench) same(t *testing.T, card string) {
	t.Helper()
	var open [2]io.Reader
	for i, path := range []string{filepath.Join(s.dir, "volar-qemu-virt-1.2.3.img"), card} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		open[i] = f
	}
	want, got := make([]byte, mib), make([]byte, mib)
	for at := 0; at < DiskSize; at += mib {
		_, err1 := io.ReadFull(open[0], want)
		_, err2 := io.ReadFull(open[1], got)
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Fatalf("the card is not the image in the MiB from byte %d: %v, %v", at, err1, err2)
		}
	}
}
