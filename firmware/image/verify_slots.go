package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"volar/boards"
)

// boot checks a slot's FIT as the boot loader will, and what it says.
func (v *verifier) boot(slot string) {
	name := "boot_" + slot
	if v.table == nil {
		v.skip(name, "no partition table")
		return
	}
	f, err := v.fit(name)
	if err == nil {
		err = v.claims(f)
	}
	says := ""
	if err == nil {
		v.fits[slot] = f
		says = fmt.Sprintf("signed by this release key; %s, %.1f MB", strings.Join(sorted(f.Images), ", "), float64(f.Size)/1e6)
	}
	v.add(name, err, says, "do not flash it: the boot loader will refuse this slot")
}

func (v *verifier) fit(name string) (*FIT, error) {
	r := v.part(name)
	head := make([]byte, fdtHeader)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, err
	}
	size, err := TreeSize(head)
	if err != nil || size > r.Size() {
		return nil, fmt.Errorf("no FIT of at most %d bytes begins here: %w", r.Size(), errTree)
	}
	blob := make([]byte, size)
	if _, err := r.ReadAt(blob, 0); err != nil {
		return nil, err
	}
	f, err := checkFIT(blob, v.public.Boot)
	if err != nil {
		return nil, err
	}
	if p := partOf(v.m.Boot.File, blob); p != v.m.Boot {
		return nil, fmt.Errorf("it is signed, but is not the one of the manifest (SHA-256 %s, want %s)", p.SHA256, v.m.Boot.SHA256)
	}
	return f, f.readSlot()
}

// claims compares what a signed slot says with what the manifest says.
func (v *verifier) claims(f *FIT) error {
	switch {
	case f.Release != v.m.Release:
		return fmt.Errorf("its initramfs says %+v, the manifest %+v", f.Release, v.m.Release)
	case f.Verity != v.m.Verity:
		return fmt.Errorf("its initramfs opens the root %+v, the manifest says %+v", f.Verity, v.m.Verity)
	case (f.Images["fdt"] == nil) != (v.board.Boot.DeviceTree == ""):
		return fmt.Errorf("device tree: it has %d bytes of one, the board says %q", len(f.Images["fdt"]), v.board.Boot.DeviceTree)
	}
	if f.Images["fdt"] == nil {
		return nil
	}
	return checkBoardTree(f.Images["fdt"], v.board)
}

// checkBoardTree tells whether a device tree is the board's.
func checkBoardTree(blob []byte, b *boards.Board) error {
	t, err := parseTree(blob)
	if err != nil {
		return fmt.Errorf("its device tree: %w", err)
	}
	have := strings.Split(strings.TrimSuffix(string(t.nodes["/"].props["compatible"]), "\x00"), "\x00")
	for _, c := range b.Compatible {
		if slices.Contains(have, c) {
			return nil
		}
	}
	return fmt.Errorf("its device tree is for %q, the board is %q", have, b.Compatible)
}

// root checks a slot's root by the hash in its signed initramfs.
func (v *verifier) root(slot string) {
	name := "root_" + slot
	f := v.fits[slot]
	if f == nil {
		v.skip(name, "its root hash lies in boot_"+slot)
		return
	}
	err := f.Verity.check(v.part(name))
	v.add(name, err, fmt.Sprintf("%d blocks match the signed root hash %.8s…", f.Verity.DataBlocks, f.Verity.Root), "do not flash it: the unit will refuse this slot")
}

// slots checks that both slots hold the same bytes.
func (v *verifier) slots() {
	if v.fits["a"] == nil || v.fits["b"] == nil {
		v.skip("slots", v.difference())
		return
	}
	var err error
	if v.fits["a"].Verity != v.fits["b"].Verity || !bytes.Equal(v.fits["a"].Images["ramdisk"], v.fits["b"].Images["ramdisk"]) {
		err = errors.New("a and b hold different systems")
	}
	v.add("slots", err, "a and b hold the same bytes", "build the image again")
}

// difference says where the FITs of both slots first differ: what is wrong
// with one can be seen in the other.
func (v *verifier) difference() string {
	if v.table == nil {
		return "no partition table"
	}
	blobs := map[string][]byte{}
	for _, slot := range []string{PartBootA, PartBootB} {
		blobs[slot] = make([]byte, v.m.Boot.Size)
		if _, err := v.part(slot).ReadAt(blobs[slot], 0); err != nil {
			return "not both can be read"
		}
	}
	if at := firstDifference(blobs[PartBootA], blobs[PartBootB]); at >= 0 {
		return fmt.Sprintf("boot_a and boot_b differ, first at byte %d", at)
	}
	return "boot_a and boot_b are alike, and both wrong"
}

// cpu checks that kernel and programs are for the board's processor. Files of
// an uncompressed erofs begin at blocks.
func (v *verifier) cpu() {
	f := v.fits["a"]
	if f == nil {
		v.skip("CPU", "boot_a cannot be read")
		return
	}
	linux := f.Images["kernel"]
	if len(linux) < 64 || string(linux[56:60]) != "ARM\x64" { // Documentation/arch/arm64/booting.rst
		v.add("CPU", errors.New("the kernel is no Image for arm64"), "", "build it for arm64")
		return
	}
	files, err := readInitramfs(f.Images["ramdisk"])
	if err == nil {
		err = machine("init", files["init"])
	}
	_, data, _ := f.Verity.size()
	r, head, count := v.part(PartRootA), make([]byte, 20), 0
	for at := int64(0); err == nil && at < data; at += verityBlock {
		if _, err = r.ReadAt(head, at); err == nil && string(head[:4]) == elf.ELFMAG {
			count++
			err = machine(fmt.Sprintf("the program at byte %d of the root", at), head)
		}
	}
	if err == nil && count == 0 {
		err = errors.New("the root holds no program")
	}
	v.add("CPU", err, fmt.Sprintf("kernel, init and %d programs and libraries are for arm64", count), "build it for arm64")
}

func machine(what string, head []byte) error {
	if len(head) < 20 || string(head[:4]) != elf.ELFMAG {
		return fmt.Errorf("%s is no program", what)
	}
	if m := elf.Machine(binary.LittleEndian.Uint16(head[18:])); m != elf.EM_AARCH64 || head[4] != byte(elf.ELFCLASS64) {
		return fmt.Errorf("%s is for %v, the board has arm64", what, m)
	}
	return nil
}
