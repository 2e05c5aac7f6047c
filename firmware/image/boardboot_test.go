package image

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"volar/boards"
)

// emulator finds a QEMU that has a board's machine. VOLAR_QEMU names another
// one than the system's.
func emulator(t *testing.T, b *boards.Boot) string {
	t.Helper()
	path := os.Getenv("VOLAR_QEMU")
	if path == "" {
		path = "qemu-system-aarch64"
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		t.Skipf("no %s: %v", path, err)
	}
	m := regexp.MustCompile(`version (\d+)\.`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("%s tells no version: %s", path, out)
	}
	if major, _ := strconv.Atoi(string(m[1])); major < b.MinQEMU {
		t.Skipf("%s is version %s; the machine %s is in version %d and later (bookworm-backports has it)", path, m[1], b.QEMU, b.MinQEMU)
	}
	return path
}

// inEmulation is what QEMU needs of a board's tree that the board must not
// have: QEMU's Pi has no display and no GPIO expander of the Pi's own firmware,
// and its card sits on the other controller. Its model of the mini UART, which
// is the board's console, never takes its interrupt back, so that the first
// processor does nothing else; the console is the PL011 there, where the board
// has Bluetooth.
var inEmulation = map[string]struct{ console, overlay, node, properties string }{
	"rpi4": {"ttyAMA0,115200", `/dts-v1/;
/plugin/;
&dvp { status = "disabled"; };
&aon_intr { status = "disabled"; };
&hdmi0 { status = "disabled"; };
&ddc0 { status = "disabled"; };
&hdmi1 { status = "disabled"; };
&ddc1 { status = "disabled"; };
&sdhost {
	status = "okay";
	bus-width = <4>;
	pinctrl-names = "default";
	pinctrl-0 = <&sdhost_gpio48>;
};
&uart1 { status = "disabled"; };
&bt { status = "disabled"; };
`, "/emmc2bus/mmc@7e340000", "vqmmc-supply vmmc-supply"},
}

// A board's slot, from the kernel on, on QEMU's model of the board: its own
// device tree with our overlays, card, hash tree, process 1. The boot loaders
// do not run on these models.
func TestBoardsBoot(t *testing.T) {
	for _, name := range []string{"rpi4", "imx8mp"} {
		t.Run(name, func(t *testing.T) { bootBoard(t, name) })
	}
}

func bootBoard(t *testing.T, name string) {
	const kernel, programs = "../../build/kernel/product", "../../build/image/programs"
	b, err := boards.Load(os.DirFS("../../boards"), name)
	if err != nil {
		t.Fatal(err)
	}
	qemu := emulator(t, b.Boot)
	for _, need := range []string{kernel + "/Image", programs + "/palminit", programs + "/palmd"} {
		if !isFile(need) {
			t.Skipf("no %s: make kernel, and make image once", need)
		}
	}
	in := inputs(t, name)
	in.Board, in.Kernel = b, kernel
	in.Sysroots = []string{"../../build/opencv-arm64", "../../build/debs/e2fsprogs"}
	in.Programs = programs
	withBlobs(t, &in)
	if b.Boot.Loader != 0 {
		withLoaderParts(t, &in)
	}
	built := build(t, in)
	fit, err := os.ReadFile(filepath.Join(built.Dir, "slot/boot.fit"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := checkFIT(fit, in.Keys.Public().Boot)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for what, data := range f.Images {
		put(t, filepath.Join(dir, what), data)
	}
	adapt(t, dir, name)
	says := b.Console.Kernel()
	if change, ok := inEmulation[name]; ok {
		says = change.console
	}
	args := []string{"-M", b.Boot.QEMU, "-smp", "4", "-m", "2G", "-display", "none", "-nodefaults", "-no-reboot",
		"-kernel", dir + "/kernel", "-initrd", dir + "/ramdisk", "-dtb", dir + "/fdt", "-append", "console=" + says + " panic=1 palm.slot=a"}
	card := "if=sd,format=raw,snapshot=on,file=" + filepath.Join(built.Dir, built.Manifest.Image.File)
	switch name { // where the console and the card's slot are on the model
	case "rpi4":
		args = append(args, "-serial", "stdio", "-drive", card)
	case "imx8mp":
		args = append(args, "-serial", "null", "-serial", "stdio", "-drive", card+",bus=1,unit=0")
	}
	if said := console(t, qemu, args, "slot a is whole"); !strings.Contains(said, "slot a is whole") {
		t.Errorf("process 1 did not find its slot whole:\n%s", said)
	}
}

// adapt changes a board's tree as QEMU needs it.
func adapt(t *testing.T, dir, name string) {
	t.Helper()
	change, ok := inEmulation[name]
	if !ok {
		return
	}
	put(t, filepath.Join(dir, "emulation.dts"), []byte(change.overlay))
	steps := [][]string{
		{"dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", "emulation.dtbo", "emulation.dts"},
		{"fdtoverlay", "-i", "fdt", "-o", "adapted", "emulation.dtbo"},
		{"mv", "adapted", "fdt"},
	}
	for _, p := range strings.Fields(change.properties) {
		steps = append(steps, []string{"fdtput", "-d", "fdt", change.node, p})
	}
	for _, s := range steps {
		if err := tool(context.Background(), dir, 1, s[0], s[1:]...); err != nil {
			t.Fatal(err)
		}
	}
}

// console gives what a machine says until it says until, or for five minutes:
// other tests run at the same time.
func console(t *testing.T, qemu string, args []string, until string) string {
	t.Helper()
	q := child(qemu, args...)
	out, err := q.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	q.Stderr = &errs
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(5*time.Minute, func() { _ = q.Process.Kill() })
	defer late.Stop()
	var said []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(said, []byte(until)) {
		n, err := out.Read(buf)
		said = append(said, buf[:n]...)
		if err != nil {
			break
		}
	}
	_ = q.Process.Kill()
	_ = q.Wait()
	return string(said) + errs.String()
}
