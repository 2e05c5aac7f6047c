package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// computer is a virtual machine with one of our kernels that is no unit.
type computer struct {
	kernel   string            // folder under build/kernel
	modules  []string          // as in boards.Boot
	programs map[string]string // in its root folder: arguments of go that make them
	files    map[string][]byte // in its root folder, too
	devices  []string          // arguments of QEMU
}

// run starts the machine and gives what it says while it runs the commands.
func (c *computer) run(t *testing.T, commands ...string) string {
	t.Helper()
	tools(t, "qemu-system-aarch64")
	dir := t.TempDir()
	files := map[string][]byte{"commands": []byte(strings.Join(commands, "\n") + "\n")}
	for name, args := range c.programs {
		files[name] = goBuilds(t, filepath.Join(dir, name), strings.Fields(args))
	}
	files["init"] = goBuilds(t, filepath.Join(dir, "init"), []string{"build", "./testdata/computer"})
	for name, b := range c.files {
		files[name] = b
	}
	folder := filepath.Join("../../build/kernel", c.kernel)
	k, err := openKernel(folder)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := k.load(c.modules, map[string]bool{})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range modules {
		files["lib/modules/boot/"+name] = b
	}
	put(t, filepath.Join(dir, "initramfs"), initramfs(files, "proc", "sys", "tmp", "mnt"))
	return console(t, "qemu-system-aarch64", append([]string{"-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "512", "-display", "none", "-nodefaults",
		"-no-reboot", "-kernel", filepath.Join(folder, "Image"), "-initrd", filepath.Join(dir, "initramfs"), "-append", "console=ttyAMA0 quiet panic=1",
		"-serial", "stdio"}, c.devices...), "computer: off")
}

// goBuilds makes a program for the machine: args are those of go, but for
// where it goes.
func goBuilds(t *testing.T, out string, args []string) []byte {
	t.Helper()
	c := exec.Command("go", append([]string{args[0], "-ldflags", "-s -w", "-o", out}, args[1:]...)...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64", "GOOS=linux", "GOFLAGS=")
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go %q: %v\n%s", args, err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
