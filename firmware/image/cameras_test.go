package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The product kernel drives cameras: package v4l2's tests with the kernel's
// virtual one, whose input is wired to its own output, on that kernel in QEMU.
func TestKernelDrivesCameras(t *testing.T) {
	const kernel = "../../build/kernel/product"
	if !isFile(kernel + "/Image") {
		t.Skip("no product kernel was built (make kernel), and Debian's for virtual machines drives no camera")
	}
	tools(t, "qemu-system-aarch64")
	dir := t.TempDir()
	for out, args := range map[string][]string{
		"init":      {"build", "-o", filepath.Join(dir, "init"), "./testdata/cameras"},
		"v4l2.test": {"test", "-c", "-o", filepath.Join(dir, "v4l2.test"), "volar/hal/linux/v4l2"},
	} {
		c := exec.Command("go", args...)
		c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64", "GOOS=linux", "GOFLAGS=")
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", out, err, said)
		}
	}
	k, err := openKernel(kernel)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := k.load([]string{"vivid node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 output_types=0x1 ccs_cap_mode=0 ccs_out_mode=0"}, map[string]bool{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for name, b := range modules {
		files["lib/modules/boot/"+name] = b
	}
	for _, name := range []string{"init", "v4l2.test"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "initramfs"), initramfs(files, "proc", "sys", "tmp"))
	said := console(t, "qemu-system-aarch64", []string{"-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "512", "-display", "none", "-nodefaults",
		"-no-reboot", "-kernel", kernel + "/Image", "-initrd", filepath.Join(dir, "initramfs"), "-append", "console=ttyAMA0 quiet panic=1", "-serial", "stdio"}, "cameras: passed")
	if !strings.Contains(said, "cameras: passed") || !strings.Contains(said, "--- PASS: TestVividLoopsBack") || strings.Contains(said, "--- SKIP") {
		t.Errorf("in the machine:\n%s", said)
	}
}
