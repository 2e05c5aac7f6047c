// Package image builds what is flashed: a disk with two signed slots, from
// programs, a kernel, a boot loader and a board's folder. It also checks such
// a disk before anyone writes it. It runs on a developer's machine, needs no
// root, and gives the same bytes for the same input.
//
// README.md in this folder says what lies where, and why.
package image

import (
	"crypto/sha256"
	"fmt"

	"volar/boards"
)

const mib = 1 << 20

// DiskSize is an image's length, in bytes: a power of two, as emulated cards
// want it. The partition "data" is the last, so that flashing can let it grow.
const DiskSize = 512 * mib

// Names of the partitions, by which everything finds them.
const (
	PartFirmware  = "firmware"
	PartBootA     = "boot_a"
	PartBootB     = "boot_b"
	PartBootState = "bootstate"
	PartRootA     = "root_a"
	PartRootB     = "root_b"
	PartUnit      = "unit"
	PartData      = "data"
)

// Partition is one part of the disk.
type Partition struct {
	Name  string `json:"name"`
	Start int64  `json:"start"` // bytes from the disk's first
	Size  int64  `json:"size"`  // bytes
}

// BootSize and RootSize are the room that a slot has for its FIT and for its
// root with the verity tree, in bytes.
const (
	BootSize = 64 * mib
	RootSize = 128 * mib
)

// Layout is where the partitions of a board's image lie, in order.
func Layout(b *boards.Boot) []Partition {
	sizes := []Partition{
		{Name: PartBootA, Size: BootSize}, {Name: PartBootB, Size: BootSize},
		{Name: PartBootState, Size: 1 * mib},
		{Name: PartRootA, Size: RootSize}, {Name: PartRootB, Size: RootSize},
		{Name: PartUnit, Size: 4 * mib},
		{Name: PartData},
	}
	if b.FAT {
		sizes = append([]Partition{{Name: PartFirmware, Size: 64 * mib}}, sizes...)
	}
	at := int64(boards.LoaderGap)
	for i := range sizes {
		sizes[i].Start = at
		at += sizes[i].Size
	}
	data := &sizes[len(sizes)-1]
	data.Size = DiskSize - 1*mib - data.Start // the table's copy lies behind it
	return sizes
}

// GUID is a partition table's identifier, in the order in which it is printed.
type GUID [16]byte

// String is the usual form with four dashes.
func (g GUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// DiskGUID identifies the disks of a board: flashing refuses to write another
// board's image over one.
func DiskGUID(board string) GUID { return named("volar board\x00" + board) }

func partGUID(board, partition string) GUID {
	return named("volar partition\x00" + board + "\x00" + partition)
}

// named is a GUID made from a name, version 8 of RFC 9562, section 5.8.
func named(name string) (g GUID) {
	sum := sha256.Sum256([]byte(name))
	copy(g[:], sum[:])
	g[6] = g[6]&0x0f | 0x80
	g[8] = g[8]&0x3f | 0x80
	return g
}
