package image

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// shortName is a file name that needs no long form in a FAT.
var shortName = regexp.MustCompile(`^[a-z0-9_-]{1,8}(\.[a-z0-9_-]{1,3})?$`)

// buildFAT makes a FAT32 file system of size bytes with files in its root,
// through dosfstools and mtools.
func buildFAT(ctx context.Context, dir, label string, size int64, files map[string][]byte, epoch int64) ([]byte, error) {
	image := filepath.Join(dir, label+".fat")
	if err := os.WriteFile(image, nil, 0o644); err != nil {
		return nil, fmt.Errorf("image: FAT: %w", err)
	}
	if err := os.Truncate(image, size); err != nil {
		return nil, fmt.Errorf("image: FAT: %w", err)
	}
	id := named("volar fat\x00" + label)
	if err := tool(ctx, dir, epoch, "mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-i", fmt.Sprintf("%x", id[:4]), "-n", strings.ToUpper(label), image); err != nil {
		return nil, err
	}
	for _, name := range sorted(files) {
		if !shortName.MatchString(name) {
			return nil, fmt.Errorf("image: FAT: name %q, want lower case, at most eight characters and three", name)
		}
		from := filepath.Join(dir, "fat-"+name)
		if err := os.WriteFile(from, files[name], 0o644); err != nil {
			return nil, fmt.Errorf("image: FAT: %w", err)
		}
		if err := tool(ctx, dir, epoch, "mcopy", "-i", image, from, "::/"+name); err != nil {
			return nil, err
		}
	}
	b, err := os.ReadFile(image)
	if err != nil {
		return nil, fmt.Errorf("image: FAT: %w", err)
	}
	return b, nil
}

var errFAT = errors.New("image: FAT")

// readFAT reads the files in the root of a FAT32 file system (Microsoft's FAT
// specification 1.03, sections 3 to 6) with short names.
func readFAT(r io.ReaderAt, size int64) (map[string][]byte, error) {
	b := make([]byte, sector)
	if _, err := r.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", errFAT, err)
	}
	le := binary.LittleEndian
	f := fat{r: r, cluster: int64(b[13]) * sector}
	reserved, fats, each := int64(le.Uint16(b[14:])), int64(b[16]), int64(le.Uint32(b[36:]))
	f.table, f.data = reserved*sector, (reserved+fats*each)*sector
	if le.Uint16(b[11:]) != sector || b[510] != 0x55 || b[511] != 0xaa || f.cluster == 0 || fats < 1 || each == 0 || f.data >= size {
		return nil, fmt.Errorf("%w: none begins here", errFAT)
	}
	f.clusters = uint32(min((size-f.data)/f.cluster, each*sector/4-2, 1<<28))
	root, err := f.chain(le.Uint32(b[44:]), size)
	if err != nil {
		return nil, fmt.Errorf("%w: root folder: %w", errFAT, err)
	}
	files := map[string][]byte{}
	for ; len(root) >= 32 && root[0] != 0; root = root[32:] {
		e := root[:32]
		if e[0] == 0xe5 || e[11]&0x18 != 0 { // deleted; a label, a long name or a folder
			continue
		}
		name := strings.TrimRight(string(e[:8]), " ")
		if ext := strings.TrimRight(string(e[8:11]), " "); ext != "" {
			name += "." + ext
		}
		length := int64(le.Uint32(e[28:]))
		data, err := f.chain(uint32(le.Uint16(e[20:]))<<16|uint32(le.Uint16(e[26:])), size)
		if err != nil || int64(len(data)) < length {
			return nil, fmt.Errorf("%w: %s has %d of %d bytes: %w", errFAT, name, len(data), length, err)
		}
		files[strings.ToLower(name)] = data[:length]
	}
	return files, nil
}

type fat struct {
	r           io.ReaderAt
	table, data int64 // bytes
	cluster     int64 // bytes
	clusters    uint32
}

// chain reads the clusters of a file from its first on, limit bytes at most.
func (f *fat) chain(first uint32, limit int64) (out []byte, err error) {
	buf, next := make([]byte, f.cluster), make([]byte, 4)
	for at := first; at >= 2 && at-2 < f.clusters; {
		if int64(len(out)) >= limit {
			return nil, errors.New("a chain that never ends")
		}
		if _, err := f.r.ReadAt(buf, f.data+int64(at-2)*f.cluster); err != nil {
			return nil, err
		}
		out = append(out, buf...)
		if _, err := f.r.ReadAt(next, f.table+4*int64(at)); err != nil {
			return nil, err
		}
		if at = binary.LittleEndian.Uint32(next) & 0x0fffffff; at >= 0x0ffffff8 {
			return out, nil
		}
	}
	if first == 0 {
		return nil, nil // an empty file
	}
	return nil, errors.New("a chain that leaves the file system")
}
