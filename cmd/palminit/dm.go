package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A client of the device mapper for devices of one target. The request is a
// struct dm_ioctl (include/uapi/linux/dm-ioctl.h), little endian:
//
//	0 version[3]  12 data_size  16 data_start  20 target_count  28 flags  40 dev  48 name[128]
//
// and from data_start on, where a table is loaded, a struct dm_target_spec:
//
//	0 sector_start  8 length  16 status  20 next  24 target_type[16]  40 the table, ended by a zero byte
const (
	dmHeader = 312
	dmSpec   = 40
	dmSize   = 16 << 10

	dmCreate = 3
	dmRemove = 4
	dmResume = 6 // DM_DEV_SUSPEND without DM_SUSPEND_FLAG
	dmLoad   = 9

	dmReadOnly   = 1 << 0
	dmSecureData = 1 << 15 // the kernel wipes its copy of the request: it holds a key
)

// target is what a mapped device does.
type target struct {
	kind     string // "verity", "crypt"
	table    string
	bytes    int64
	readOnly bool
	secret   bool // the table holds a key
}

// mapDevice makes /dev/dm-N and waits for its node.
func mapDevice(name string, t target) (path string, err error) {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("device mapper: %w", err)
	}
	defer control.Close()
	dev, err := dmCall(control, dmCreate, name, target{readOnly: t.readOnly})
	if err != nil {
		return "", fmt.Errorf("device mapper: create %s: %w", name, err)
	}
	if _, err = dmCall(control, dmLoad, name, t); err == nil {
		_, err = dmCall(control, dmResume, name, target{readOnly: t.readOnly})
	}
	if err != nil {
		dmCall(control, dmRemove, name, target{})
		return "", fmt.Errorf("device mapper: load %s: %w", name, err)
	}
	path = fmt.Sprintf("/dev/dm-%d", unix.Minor(dev))
	for range 200 {
		if _, err = os.Stat(path); err == nil {
			return path, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return "", fmt.Errorf("device mapper: %s: %w", name, err)
}

// unmapDevice takes a mapped device away that nobody uses any more.
func unmapDevice(name string) error {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("device mapper: %w", err)
	}
	defer control.Close()
	if _, err := dmCall(control, dmRemove, name, target{}); err != nil {
		return fmt.Errorf("device mapper: remove %s: %w", name, err)
	}
	return nil
}

// dmCall makes one request; an empty table sends none.
func dmCall(control *os.File, command uintptr, name string, t target) (dev uint64, err error) {
	buf := make([]byte, dmSize)
	defer func() { clear(buf); runtime.KeepAlive(buf) }()
	if len(name) > 127 || len(t.kind) > 15 || dmHeader+dmSpec+len(t.table)+8 > len(buf) {
		return 0, unix.E2BIG
	}
	le := binary.LittleEndian
	le.PutUint32(buf[0:], 4) // version 4.0.0 of the interface
	le.PutUint32(buf[12:], dmSize)
	le.PutUint32(buf[16:], dmHeader)
	flags := uint32(0)
	if t.readOnly {
		flags |= dmReadOnly
	}
	if t.secret {
		flags |= dmSecureData
	}
	le.PutUint32(buf[28:], flags)
	copy(buf[48:], name)
	if t.table != "" {
		le.PutUint32(buf[20:], 1)
		spec := buf[dmHeader:]
		le.PutUint64(spec[8:], uint64(t.bytes)/512)
		le.PutUint32(spec[20:], uint32(dmSpec+len(t.table)+1+7)&^7)
		copy(spec[24:], t.kind)
		copy(spec[dmSpec:], t.table)
	}
	request := uintptr(3)<<30 | uintptr(dmHeader)<<16 | 0xfd<<8 | command // _IOWR(0xfd, command, struct dm_ioctl)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, control.Fd(), request, uintptr(unsafe.Pointer(&buf[0]))); e != 0 {
		return 0, e
	}
	return le.Uint64(buf[40:]), nil
}
