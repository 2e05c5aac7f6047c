package boards

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Boot says what an image of the board is made from, beside the files of its
// folder that the boot loader is built from (u-boot.cfg, boot.env) and
// blobs.lock.
type Boot struct {
	Kernel     Address  `json:"kernel_address"`           // where the boot loader puts the kernel
	DeviceTree string   `json:"device_tree,omitempty"`    // of the kernel's: "imx8mp-evk.dtb"; none where the machine brings its own
	Overlays   []string `json:"overlays,omitempty"`       // files of the folder, applied in this order
	Loader     int64    `json:"loader_offset,omitempty"`  // where the chip looks for flash.bin on the disk, bytes
	FAT        bool     `json:"fat,omitempty"`            // the chip reads its boot files from a FAT partition, the first
	Early      []string `json:"early_modules,omitempty"`  // kernel modules that it takes to open the root
	Late       []string `json:"late_modules,omitempty"`   // and those after
	Imager     []string `json:"imager_devices,omitempty"` // tags by which Raspberry Pi Imager knows the board
	QEMU       string   `json:"qemu_machine,omitempty"`   // machine that an image's kernel can be tried on
	MinQEMU    int      `json:"qemu_at_least,omitempty"`  // first QEMU that has it
}

// Address is a place in memory, written as "0x40400000".
type Address uint64

// UnmarshalText reads "0x40400000".
func (a *Address) UnmarshalText(b []byte) error {
	digits, ok := strings.CutPrefix(string(b), "0x")
	v, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return fmt.Errorf("address %q, want one such as 0x40400000", b)
	}
	*a = Address(v)
	return nil
}

// MarshalText writes "0x40400000".
func (a Address) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "0x%x", uint64(a)), nil }

// LoaderGap is the space before the first partition, in bytes.
const LoaderGap = 8 << 20

// moduleName is a kernel module with its parameters. One that ends with "?"
// is loaded where the kernel has it.
var moduleName = regexp.MustCompile(`^[a-z0-9_]+\??( [a-z0-9_]+=[a-zA-Z0-9_,:.-]+)*$`)

func (b *Boot) check() error {
	if b.Kernel%(2<<20) != 0 || b.Kernel > 1<<40 {
		return fmt.Errorf("kernel_address 0x%x is no multiple of 2 MiB below 1 TiB", uint64(b.Kernel))
	}
	if b.DeviceTree != "" && (path.Base(b.DeviceTree) != b.DeviceTree || path.Ext(b.DeviceTree) != ".dtb") {
		return fmt.Errorf("device_tree %q, want the name of a .dtb file", b.DeviceTree)
	}
	if b.DeviceTree == "" && len(b.Overlays) > 0 {
		return errors.New("overlays without a device_tree to lay them over")
	}
	if len(b.Overlays) > 16 {
		return fmt.Errorf("%d overlays, allowed 16", len(b.Overlays))
	}
	for _, o := range b.Overlays {
		if path.Base(o) != o || path.Ext(o) != ".dtso" {
			return fmt.Errorf("overlay %q, want the name of a .dtso file in the board's folder", o)
		}
	}
	if b.Loader != 0 && (b.Loader < 34*512 || b.Loader >= LoaderGap || b.Loader%512 != 0) {
		return fmt.Errorf("loader_offset %d, allowed from %d to below %d in sectors of 512", b.Loader, 34*512, LoaderGap)
	}
	for _, d := range b.Imager {
		if !isName(d) {
			return fmt.Errorf("imager_devices %q, want names such as pi4-64bit", d)
		}
	}
	all := slices.Concat(b.Early, b.Late)
	if len(all) > 128 {
		return fmt.Errorf("%d modules, allowed 128", len(all))
	}
	for _, m := range all {
		if len(m) > 256 || !moduleName.MatchString(m) {
			return fmt.Errorf("module %q, want its name and its parameters as name=value", m)
		}
	}
	if b.QEMU != "" && !isName(b.QEMU) || b.MinQEMU < 0 || b.MinQEMU > 99 {
		return fmt.Errorf("qemu_machine %q from version %d, want a machine's name and a number", b.QEMU, b.MinQEMU)
	}
	return nil
}
