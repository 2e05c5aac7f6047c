package image

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// An initramfs: a cpio archive in the "newc" form
// (Documentation/driver-api/early-userspace/buffer-format.rst).

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeChar = 0o020000
)

const cpioHeader = 110 // "070701" and 13 numbers of 8 hex digits

type cpioWriter struct {
	buf   bytes.Buffer
	inode uint32
}

func (w *cpioWriter) entry(name string, mode uint32, data []byte, major, minor uint32) {
	w.inode++
	fmt.Fprintf(&w.buf, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		w.inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0)
	w.buf.WriteString(name + "\x00")
	w.pad()
	w.buf.Write(data)
	w.pad()
}

func (w *cpioWriter) pad() {
	for w.buf.Len()%4 != 0 {
		w.buf.WriteByte(0)
	}
}

// initramfs is the archive of files, by their path without leading slash,
// with the folders that they need. init may be executed, nothing else.
func initramfs(files map[string][]byte, folders ...string) []byte {
	need := map[string]bool{"dev": true}
	for _, d := range folders {
		need[d] = true
	}
	for name := range files {
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			need[d] = true
		}
	}
	var w cpioWriter
	for _, d := range sorted(need) {
		w.entry(d, modeDir|0o755, nil, 0, 0)
	}
	w.entry("dev/console", modeChar|0o600, nil, 5, 1) // Documentation/admin-guide/devices.txt
	for _, name := range sorted(files) {
		mode := uint32(modeFile | 0o444)
		if name == "init" {
			mode = modeFile | 0o555
		}
		w.entry(name, mode, files[name], 0, 0)
	}
	w.entry("TRAILER!!!", 0, nil, 0, 0)
	return w.buf.Bytes()
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

var errCPIO = errors.New("image: initramfs")

// readInitramfs reads the regular files of an archive.
func readInitramfs(b []byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	for at := 0; ; {
		if len(b)-at < cpioHeader || string(b[at:at+6]) != "070701" {
			return nil, fmt.Errorf("%w: no entry at byte %d", errCPIO, at)
		}
		var field [13]int
		for i := range field {
			v, err := strconv.ParseUint(string(b[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				return nil, fmt.Errorf("%w: byte %d: %w", errCPIO, at+6+8*i, err)
			}
			field[i] = int(v)
		}
		mode, size, length := field[1], field[6], field[11]
		data := align(at+cpioHeader+length, 4)
		if length < 2 || length > 256 || data+size > len(b) {
			return nil, fmt.Errorf("%w: the entry at byte %d ends behind the archive", errCPIO, at)
		}
		name := strings.TrimSuffix(string(b[at+cpioHeader:at+cpioHeader+length]), "\x00")
		if name == "TRAILER!!!" {
			return files, nil
		}
		if mode&0o170000 == modeFile {
			files[name] = b[data : data+size]
		}
		at = align(data+size, 4)
	}
}

func align(n, to int) int { return (n + to - 1) / to * to }
