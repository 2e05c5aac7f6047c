package image

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"volar/wire/bootstate"
)

// The boot loader itself, in QEMU, before small slots whose kernel says K and
// waits: which slot it starts, what it writes, and what it refuses.

// smallKernel is an arm64 Image that writes K to the machine's first UART.
func smallKernel() []byte {
	b := make([]byte, 64<<10)
	for i, word := range []uint32{
		0x14000010, // b 64: over the header
		16:         0xd2a12000, // movz x0, #0x900, lsl #16: PL011 of QEMU's virt machine
		0x52800961, // movz w1, #'K'
		0xb9000001, // str w1, [x0]
		0xd503207f, // wfi
		0x17ffffff, // b back to wfi
	} {
		binary.LittleEndian.PutUint32(b[4*i:], word)
	}
	copy(b[56:], "ARM\x64")
	return b
}

// bench is an image of small slots with the real boot loader.
type bench struct {
	t      *testing.T
	dir    string
	loader string
	start  map[string]int64 // of the partitions
	fit    *tree
	alien  []byte // the same slot's FIT, signed with another key
}

func newBench(t *testing.T) *bench {
	t.Helper()
	const real = "../../build/uboot/qemu-virt"
	if !isFile(real + "/u-boot.bin") {
		t.Skip("no boot loader was built: make uboot")
	}
	tools(t, "qemu-system-aarch64", "swtpm")
	in := inputs(t, "qemu-virt")
	in.Loader = real
	put(t, in.Kernel+"/Image", smallKernel())
	b := build(t, in)
	s := &bench{t: t, dir: b.Dir, loader: filepath.Join(b.Dir, "u-boot.bin"), start: map[string]int64{}}
	for _, p := range b.Manifest.Partitions {
		s.start[p.Name] = p.Start
	}
	fit, err := os.ReadFile(filepath.Join(b.Dir, "slot/boot.fit"))
	if err != nil {
		t.Fatal(err)
	}
	if s.fit, err = parseTree(fit); err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, bootBits)
	if err != nil {
		t.Fatal(err)
	}
	images := s.fit.nodes["/images/kernel"].props["data"]
	s.alien, err = buildFIT(context.Background(), t.TempDir(), fitParts{Kernel: images, Ramdisk: []byte("initramfs"), Load: in.Board.Boot.Kernel}, key, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// child makes a process end with this one.
func child(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// boot starts the machine with a disk until its kernel says K or it resets,
// and gives the boot loader's own lines.
func (s *bench) boot(disk string, tpm bool) (lines []string, started bool) {
	s.t.Helper()
	lines, _, started = s.bootTyping(disk, tpm, nil)
	return lines, started
}

// bootTyping is boot with somebody at the console; said is all that it shows.
func (s *bench) bootTyping(disk string, tpm bool, typed []byte) (lines []string, said []byte, started bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args := []string{"-M", "virt", "-cpu", "cortex-a72", "-m", "512", "-display", "none", "-nodefaults", "-no-reboot", "-bios", s.loader,
		"-drive", "if=none,id=d,format=raw,file=" + disk, "-device", "virtio-blk-pci,drive=d", "-serial", "stdio"}
	if tpm {
		dir, err := os.MkdirTemp("", "tpm") // a socket's path has 108 bytes at most
		if err != nil {
			s.t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		sw := child("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+dir, "--ctrl", "type=unixio,path="+dir+"/s", "--terminate")
		if err := sw.Start(); err != nil {
			s.t.Fatal(err)
		}
		defer sw.Wait()
		defer sw.Process.Kill()
		for range 500 {
			if _, err := os.Stat(dir + "/s"); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		args = append(args, "-chardev", "socket,id=t,path="+dir+"/s", "-tpmdev", "emulator,id=tpm0,chardev=t", "-device", "tpm-tis-device,tpmdev=tpm0")
	}
	q := child("qemu-system-aarch64", args...)
	out, err := q.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	keys, err := q.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := q.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { q.Process.Kill() })
	defer stop()
	go func() { // until the machine ends
		for len(typed) > 0 {
			if _, err := keys.Write(typed); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		text = append(text, buf[:n]...)
		if started = bytes.Contains(text, []byte("Starting kernel ...\r\n\r\nK")); started || err != nil {
			break
		}
	}
	q.Process.Kill()
	_ = q.Wait()
	if ctx.Err() != nil {
		s.t.Fatalf("the machine neither started a kernel nor reset:\n%s", text)
	}
	for line := range strings.Lines(string(text)) {
		if l, ok := strings.CutPrefix(strings.TrimSpace(line), "palm: "); ok {
			lines = append(lines, l)
		}
	}
	return lines, text, started
}

// Whoever types at the console gets no prompt and stops no step: Ctrl-C is not
// listened to.
func TestNoPrompt(t *testing.T) {
	s := newBench(t)
	disk := filepath.Join(s.dir, "volar-qemu-virt-1.2.3.img")
	for _, typed := range []string{"\x03", " ", "\r\n", "\x03\r\nprintenv\r\n"} {
		lines, said, started := s.bootTyping(disk, true, []byte(typed))
		if bytes.Contains(said, []byte("\n=> ")) || bytes.Contains(said, []byte("fitaddr=")) {
			t.Errorf("typing %q led to a prompt:\n%s", typed, said)
		}
		if !started || len(lines) != 1 || !strings.HasPrefix(lines[0], "slot a order a b") {
			t.Errorf("typing %q changed the boot: started %v, %q", typed, started, lines)
		}
	}
}

// The boot script's text: what would open it again without a sign in any boot.
func TestBootScript(t *testing.T) {
	scripts, err := filepath.Glob("../../boards/*/boot.env")
	if err != nil || len(scripts) < 3 {
		t.Fatal(scripts, err)
	}
	for _, path := range append(scripts, "uboot/boot.env") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(raw), "\\\n", "")
		for line := range strings.Lines(text) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			switch {
			case !ok || strings.HasPrefix(name, "#"):
			case name == "verify", name == "bootdelay", name == "preboot", name == "stdin":
				t.Errorf("%s sets %s, which U-Boot itself reads", path, name)
			case name == "trust", name == "measure", name == "readfit":
				if strings.ContainsAny(value, ";|") || strings.Contains(value, "if ") {
					t.Errorf("%s: %s goes on where a step of it fails: %s", path, name, value)
				}
			case strings.Contains(value, "bootm") && name != "checkfit" && name != "go", strings.Contains(value, "booti"), strings.Contains(value, "source "):
				t.Errorf("%s: %s starts something beside checkfit and go", path, name)
			}
		}
	}
}

// stateBlock is a state as it lies in its partition.
func stateBlock(t *testing.T, s bootstate.State) []byte {
	t.Helper()
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wild is a block with a right checksum whose first slot's tries are text.
func wild(left string) []byte {
	b := make([]byte, 4, bootstate.Size)
	b = append(b, "BOOT_A_LEFT="+left+"\x00BOOT_A_STATE=trial\x00BOOT_B_LEFT=0\x00BOOT_B_STATE=good\x00BOOT_ORDER=a b\x00"...)
	b = b[:bootstate.Size]
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

func TestBootLoader(t *testing.T) {
	s := newBench(t)
	slot := func(st bootstate.Status, left uint8) bootstate.Slot { return bootstate.Slot{Status: st, Left: left} }
	good, bad := slot(bootstate.Good, 0), slot(bootstate.Bad, 0)
	fresh := bootstate.Default()
	trialB := bootstate.State{First: "b", A: good, B: slot(bootstate.Trial, 3)}
	kernel := int64(s.fit.nodes["/images/kernel"].at["data"])
	signature := int64(s.fit.nodes["/configurations/conf/signature-1"].at["value"])
	name := int64(bytes.Index(s.fit.blob, []byte("signature-1\x00"))) // of the node
	torn := make([]byte, bootstate.Size)
	for _, c := range []struct {
		name          string
		first, second []byte  // copies of the state
		flips         []int64 // bytes of the disk that are damaged
		fit           []byte  // in slot a
		noTPM         bool
		want          string // slot that starts, "" for none
		left          *bootstate.State
		says          string // among the boot loader's lines
	}{
		{name: "new", want: "a", left: &fresh},
		{name: "trial", first: stateBlock(t, trialB), second: stateBlock(t, trialB), want: "b", left: &bootstate.State{First: "b", A: good, B: slot(bootstate.Trial, 2)}},
		{name: "trial spent", first: stateBlock(t, trialB.With("b", slot(bootstate.Trial, 0))), second: torn, want: "a"},
		{name: "first copy torn", first: torn, second: stateBlock(t, trialB), want: "b", left: &bootstate.State{First: "b", A: good, B: slot(bootstate.Trial, 2)}},
		{name: "both copies torn", first: torn, second: torn, want: "a", says: "no good copy of the state"},
		{name: "ready waits", first: stateBlock(t, bootstate.State{First: "b", A: good, B: slot(bootstate.Ready, 0)}), want: "a"},
		{name: "tries that are an address", first: wild("*50000000"), second: stateBlock(t, trialB.With("b", good)), want: "b"},
		{name: "kernel damaged", flips: []int64{s.start[PartBootA] + kernel + 5000}, want: "b", left: &bootstate.State{First: "a", A: bad, B: good}, says: "slot a: damaged"},
		{name: "signature damaged", flips: []int64{s.start[PartBootA] + signature + 5}, want: "b", left: &bootstate.State{First: "a", A: bad, B: good}},
		{name: "not signed", flips: []int64{s.start[PartBootA] + name}, want: "b", left: &bootstate.State{First: "a", A: bad, B: good}},
		{name: "signed with another key", fit: s.alien, want: "b", left: &bootstate.State{First: "a", A: bad, B: good}},
		{name: "length damaged", flips: []int64{s.start[PartBootA] + 4}, want: "b", left: &bootstate.State{First: "a", A: bad, B: good}},
		{name: "damaged, and the other on trial", first: stateBlock(t, bootstate.State{First: "a", A: good, B: slot(bootstate.Trial, 2)}), flips: []int64{s.start[PartBootA] + kernel}, want: "b"},
		{name: "no slot is good", first: stateBlock(t, bootstate.State{First: "b", A: bad, B: bad}), want: "b", says: "no slot is good"},
		{name: "both damaged", flips: []int64{s.start[PartBootA] + kernel, s.start[PartBootB] + kernel}, says: "no slot left"},
		{name: "no TPM", noTPM: true, left: &fresh, says: "cannot measure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := filepath.Join(s.dir, "volar-qemu-virt-1.2.3.img")
			s.t = t
			at := s.start[PartBootState]
			for i, b := range [][]byte{c.first, c.second} {
				if b == nil {
					b = stateBlock(t, fresh)
				}
				if i == 1 && c.second == nil && c.first != nil {
					b = c.first
				}
				overwrite(t, disk, at+bootstate.Offsets[i], b)
			}
			for _, f := range c.flips {
				flip(t, disk, f)
				defer flip(t, disk, f)
			}
			if c.fit != nil {
				overwrite(t, disk, s.start[PartBootA], c.fit)
				defer overwrite(t, disk, s.start[PartBootA], s.fit.blob)
			}
			lines, started := s.boot(disk, !c.noTPM)
			tried := ""
			for _, l := range lines {
				if rest, ok := strings.CutPrefix(l, "slot "); ok && strings.Contains(l, " order ") {
					tried = rest[:1]
				}
			}
			if started != (c.want != "") || started && tried != c.want {
				t.Errorf("started %v, slot %q, want %q; the boot loader says %q", started, tried, c.want, lines)
			}
			if !strings.Contains(strings.Join(lines, "\n"), c.says) {
				t.Errorf("the boot loader says %q, want %q among it", lines, c.says)
			}
			if c.left != nil {
				for i, offset := range bootstate.Offsets {
					if have := read(t, disk, at+offset); !bytes.Equal(have, stateBlock(t, *c.left)) {
						got, err := bootstate.Parse(have)
						t.Errorf("copy %d of the state is now %+v (%v), want %+v", i+1, got, err, *c.left)
					}
				}
			}
		})
	}
}

func overwrite(t *testing.T, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string, at int64) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, bootstate.Size)
	if _, err := io.ReadFull(io.NewSectionReader(f, at, bootstate.Size), b); err != nil {
		t.Fatal(fmt.Errorf("read the state: %w", err))
	}
	return b
}
