// Package flash writes images of units to disks: only to disks that can be
// taken out and that nobody uses, only what the image's map says is there,
// and it reads back what it wrote.
package flash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Disk is a disk of this machine as its kernel describes it.
type Disk struct {
	Name   string   `json:"name"`             // "sdb"; what a person types to agree
	Path   string   `json:"path"`             // "/dev/sdb"
	Bus    Bus      `json:"bus"`              // how it is connected
	Model  string   `json:"model,omitempty"`  // as its maker writes it
	Serial string   `json:"serial,omitempty"` // likewise
	Size   int64    `json:"size"`             // bytes; 0 is a reader without a card
	Locked bool     `json:"read_only"`        // by a switch on the card, or by the kernel
	Used   []string `json:"used,omitempty"`   // where it is mounted or what holds it, with its partitions and what is stacked on them
}

// Bus is how a disk is connected. The zero Bus is built in.
type Bus string

// The busses of disks that can be taken out, and of files that stand for them.
const (
	BuiltIn   Bus = ""
	USB       Bus = "usb"
	Card      Bus = "sd card"
	Removable Bus = "removable" // says so itself
	Loop      Bus = "loop"      // a file that somebody attached
	File      Bus = "file"      // a file that is given in place of a disk
)

// Why a disk is not written to. Callers test with errors.Is.
var (
	ErrBuiltIn = errors.New("it is built in")
	ErrUsed    = errors.New("it is in use")
	ErrLocked  = errors.New("it is write-protected")
	ErrEmpty   = errors.New("no card is in it")
	ErrSmall   = errors.New("it is too small")
)

// Refuse tells why the disk may not be written to, nil where it may.
func (d *Disk) Refuse() error {
	switch {
	case len(d.Used) > 0:
		return fmt.Errorf("flash: %s: %w: %s", d.Path, ErrUsed, strings.Join(d.Used, ", "))
	case d.Bus == BuiltIn:
		return fmt.Errorf("flash: %s: %w", d.Path, ErrBuiltIn)
	case d.Size == 0:
		return fmt.Errorf("flash: %s: %w", d.Path, ErrEmpty)
	case d.Locked:
		return fmt.Errorf("flash: %s: %w", d.Path, ErrLocked)
	}
	return nil
}

// Disks lists the disks of the machine whose root is given, os.DirFS("/") for
// this one, sorted by name. Devices that are no disks (RAM, CD, mappings and
// loops without a file) are left out.
func Disks(root fs.FS) ([]Disk, error) {
	entries, err := fs.ReadDir(root, "sys/block")
	if err != nil {
		return nil, fmt.Errorf("flash: list the disks: %w", err)
	}
	used, err := uses(root)
	if err != nil {
		return nil, err
	}
	var out []Disk
	for _, e := range entries {
		name := e.Name()
		if kind := strings.TrimRight(name, "0123456789"); slices.Contains([]string{"ram", "zram", "sr", "fd", "dm-", "md"}, kind) {
			continue
		}
		d := describe(root, name)
		if d.Bus == Loop && d.Size == 0 {
			continue
		}
		for dev := range stack(root, "sys/block/"+name, 0) {
			d.Used = append(d.Used, used[dev]...)
		}
		slices.Sort(d.Used)
		d.Used = slices.Compact(d.Used)
		out = append(out, d)
	}
	return out, nil
}

func describe(root fs.FS, name string) Disk {
	at := "sys/block/" + name
	sectors, _ := strconv.ParseInt(attribute(root, at+"/size"), 10, 64)
	return Disk{
		Name: name, Path: "/dev/" + name, Bus: bus(root, name), Size: sectors * 512,
		Model:  strings.TrimSpace(attribute(root, at+"/device/vendor") + " " + first(attribute(root, at+"/device/model"), attribute(root, at+"/device/name"))),
		Serial: first(attribute(root, at+"/device/serial"), attribute(root, at+"/serial")),
		Locked: attribute(root, at+"/ro") == "1",
	}
}

// bus tells disks that can be taken out from those that are built in. A USB
// disk counts although it calls itself fixed; an eMMC does not, although it
// sits on the bus of cards.
func bus(root fs.FS, name string) Bus {
	link, _ := fs.ReadLink(root, "sys/block/"+name) // where there is none, nothing speaks for the disk
	switch {
	case strings.HasPrefix(name, "loop"):
		return Loop
	case strings.Contains(link, "/usb"):
		return USB
	case attribute(root, "sys/block/"+name+"/device/type") == "SD":
		return Card
	case attribute(root, "sys/block/"+name+"/removable") == "1":
		return Removable
	}
	return BuiltIn
}

// attribute reads a file of sysfs, "" where there is none.
func attribute(root fs.FS, at string) string {
	f, err := root.Open(at)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// deepest bounds how many mappings may lie on each other.
const deepest = 8

// stack gives the device numbers and paths of a block device, of its
// partitions, and of whatever holds one of them (LUKS, LVM, RAID).
func stack(root fs.FS, at string, depth int) map[string]bool {
	out := map[string]bool{}
	if depth > deepest {
		return out
	}
	if dev := attribute(root, at+"/dev"); dev != "" {
		out[dev] = true
	}
	out["/dev/"+path.Base(at)] = true
	children, _ := fs.ReadDir(root, at) // an unreadable folder has no partitions
	for _, c := range children {
		part := at + "/" + c.Name()
		if attribute(root, part+"/partition") != "" {
			join(out, stack(root, part, depth+1))
		}
	}
	holders, _ := fs.ReadDir(root, at+"/holders")
	for _, h := range holders {
		out["held by "+h.Name()] = true
		join(out, stack(root, "sys/block/"+h.Name(), depth+1))
	}
	return out
}

func join(to, from map[string]bool) {
	for k := range from {
		to[k] = true
	}
}

// uses lists what is mounted or swapped to, by device number and by path:
// file systems such as btrfs have numbers of their own.
func uses(root fs.FS) (map[string][]string, error) {
	used := map[string][]string{}
	err := lines(root, "proc/self/mountinfo", func(f []string) {
		if len(f) < 7 {
			return
		}
		where := "mounted at " + f[4]
		used[f[2]] = append(used[f[2]], where)
		if i := slices.Index(f, "-"); i > 0 && i+2 < len(f) {
			used[f[i+2]] = append(used[f[i+2]], where)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("flash: see what is mounted: %w", err)
	}
	err = lines(root, "proc/swaps", func(f []string) {
		if len(f) > 1 {
			used[f[0]] = append(used[f[0]], "swap")
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("flash: see what is swapped to: %w", err)
	}
	return used, nil
}

func lines(root fs.FS, name string, each func(fields []string)) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(io.LimitReader(f, 4<<20))
	s.Buffer(nil, 64<<10)
	for s.Scan() {
		each(strings.Fields(s.Text()))
	}
	return s.Err()
}
