package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// A GUID partition table as the UEFI specification 2.10, section 5.3 writes
// it: a protective MBR, a header, 128 entries of 128 bytes, and the last two
// again at the end of the disk.
const (
	sector       = 512
	entries      = 128
	entrySize    = 128
	headerSize   = 92
	tableSectors = 1 + entries*entrySize/sector // header and entries
)

// linuxData is the type of every partition: ours are found by name.
var linuxData = GUID{0x0f, 0xc6, 0x3d, 0xaf, 0x84, 0x83, 0x47, 0x72, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}

// efiSystem is the type of the FAT partition, which boot ROMs look for.
var efiSystem = GUID{0xc1, 0x2a, 0x73, 0x28, 0xf8, 0x1f, 0x11, 0xd2, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}

// mixed swaps a GUID between its printed order and its order on disk: the
// first three fields are little-endian there.
func (g GUID) mixed() GUID {
	return GUID{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]}
}

// Table is a partition table.
type Table struct {
	Disk  GUID
	Size  int64 // of the disk, bytes
	Parts []Partition
}

// head is the disk's first bytes: MBR, header, entries. tail is its last.
func (t *Table) bytes(board string) (head, tail []byte) {
	last := t.Size/sector - 1
	list := make([]byte, entries*entrySize)
	for i, p := range t.Parts {
		e := list[i*entrySize:]
		kind, id := linuxData.mixed(), partGUID(board, p.Name).mixed()
		if p.Name == PartFirmware {
			kind = efiSystem.mixed()
		}
		copy(e, kind[:])
		copy(e[16:], id[:])
		binary.LittleEndian.PutUint64(e[32:], uint64(p.Start/sector))
		binary.LittleEndian.PutUint64(e[40:], uint64((p.Start+p.Size)/sector-1))
		for j, u := range utf16.Encode([]rune(p.Name)) {
			binary.LittleEndian.PutUint16(e[56+2*j:], u)
		}
	}
	mbr := make([]byte, sector)
	copy(mbr[446:], []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff}) // one protective partition over all
	binary.LittleEndian.PutUint32(mbr[454:], 1)
	binary.LittleEndian.PutUint32(mbr[458:], uint32(min(last, 0xffffffff)))
	mbr[510], mbr[511] = 0x55, 0xaa
	head = append(append(mbr, t.header(list, 1, last, 2)...), list...)
	tail = append(list, t.header(list, last, 1, last-tableSectors+1)...)
	return head, tail
}

func (t *Table) header(list []byte, here, other, at int64) []byte {
	h := make([]byte, sector)
	copy(h, "EFI PART\x00\x00\x01\x00")
	le := binary.LittleEndian
	le.PutUint32(h[12:], headerSize)
	le.PutUint64(h[24:], uint64(here))
	le.PutUint64(h[32:], uint64(other))
	le.PutUint64(h[40:], tableSectors+1)
	le.PutUint64(h[48:], uint64(t.Size/sector-1-tableSectors))
	disk := t.Disk.mixed()
	copy(h[56:], disk[:])
	le.PutUint64(h[72:], uint64(at))
	le.PutUint32(h[80:], entries)
	le.PutUint32(h[84:], entrySize)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(list))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
	return h
}

// errTable means that a disk has no partition table of ours.
var errTable = errors.New("image: partition table")

// ReadTable reads the first partition table of a disk of size bytes. It takes
// only tables of the form that Build writes.
func ReadTable(r io.ReaderAt, size int64) (*Table, error) {
	return readTable(r, size, 1)
}

// readBackup reads the copy at the disk's end.
func readBackup(r io.ReaderAt, size int64) (*Table, error) {
	return readTable(r, size, size/sector-1)
}

func readTable(r io.ReaderAt, size, at int64) (*Table, error) {
	if size%sector != 0 || size < 2*tableSectors*sector {
		return nil, fmt.Errorf("%w: a disk of %d bytes", errTable, size)
	}
	h := make([]byte, sector)
	if _, err := r.ReadAt(h, at*sector); err != nil {
		return nil, fmt.Errorf("%w: header: %w", errTable, err)
	}
	le := binary.LittleEndian
	sum := le.Uint32(h[16:])
	unsummed := bytes.Clone(h[:headerSize])
	clear(unsummed[16:20])
	switch {
	case string(h[:12]) != "EFI PART\x00\x00\x01\x00":
		return nil, fmt.Errorf("%w: none in sector %d", errTable, at)
	case le.Uint32(h[12:]) != headerSize || sum != crc32.ChecksumIEEE(unsummed):
		return nil, fmt.Errorf("%w: the header in sector %d has a wrong checksum", errTable, at)
	case int64(le.Uint64(h[24:])) != at || le.Uint32(h[80:]) != entries || le.Uint32(h[84:]) != entrySize:
		return nil, fmt.Errorf("%w: the header in sector %d is of another form", errTable, at)
	}
	first := int64(le.Uint64(h[72:]))
	if first < 2 || first > size/sector-tableSectors {
		return nil, fmt.Errorf("%w: entries in sector %d", errTable, first)
	}
	list := make([]byte, entries*entrySize)
	if _, err := r.ReadAt(list, first*sector); err != nil {
		return nil, fmt.Errorf("%w: entries: %w", errTable, err)
	}
	if le.Uint32(h[88:]) != crc32.ChecksumIEEE(list) {
		return nil, fmt.Errorf("%w: the entries in sector %d have a wrong checksum", errTable, first)
	}
	t := &Table{Disk: GUID(h[56:72]).mixed(), Size: size}
	return t, t.readEntries(list)
}

func (t *Table) readEntries(list []byte) error {
	end := int64((tableSectors + 1) * sector)
	for i := range entries {
		e := list[i*entrySize : (i+1)*entrySize]
		if GUID(e[:16]) == (GUID{}) {
			continue
		}
		first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
		if first > last || last >= uint64(t.Size/sector-tableSectors) || int64(first)*sector < end {
			return fmt.Errorf("%w: partition %d from sector %d to %d on a disk of %d, in order and apart from each other", errTable, i+1, first, last, t.Size/sector)
		}
		var name []uint16
		for j := 56; j < entrySize; j += 2 {
			u := binary.LittleEndian.Uint16(e[j:])
			if u == 0 {
				break
			}
			name = append(name, u)
		}
		p := Partition{Name: string(utf16.Decode(name)), Start: int64(first) * sector, Size: int64(last-first+1) * sector}
		t.Parts = append(t.Parts, p)
		end = p.Start + p.Size
	}
	return nil
}

// Find is the partition called name.
func (t *Table) Find(name string) (Partition, bool) {
	for _, p := range t.Parts {
		if p.Name == name {
			return p, true
		}
	}
	return Partition{}, false
}
