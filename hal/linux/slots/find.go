package slots

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Paths are where the partitions are, such as /dev/vda2.
type Paths struct{ State, BootA, BootB, RootA, RootB string }

// labels are the partitions' names in the GPT.
var labels = []string{"bootstate", "boot_a", "boot_b", "root_a", "root_b"}

// Find finds the partitions by their names in the GPT. sys is the kernel's
// /sys, dev is "/dev". One disk must have all five of them: where two have,
// somebody plugged in a second system, and none is taken.
func Find(sys fs.FS, dev string) (Paths, error) {
	found, err := fs.Glob(sys, "class/block/*/uevent")
	if err != nil {
		return Paths{}, fmt.Errorf("slots: find partitions: %w", err)
	}
	disks := map[string]map[string]string{} // by disk and label, the device
	for _, name := range found {
		event, err := uevent(sys, name)
		if err != nil {
			return Paths{}, fmt.Errorf("slots: find partitions: %w", err)
		}
		label := event["PARTNAME"]
		if !slices.Contains(labels, label) || event["DEVNAME"] == "" {
			continue
		}
		disk := diskOf(event["DEVNAME"], event["PARTN"])
		if disks[disk] == nil {
			disks[disk] = map[string]string{}
		}
		if disks[disk][label] != "" {
			return Paths{}, fmt.Errorf("slots: disk %s has two partitions called %s", disk, label)
		}
		disks[disk][label] = filepath.Join(dev, event["DEVNAME"])
	}
	return whole(disks)
}

// whole picks the one disk that has everything.
func whole(disks map[string]map[string]string) (Paths, error) {
	var p []Paths
	for _, d := range disks {
		if len(d) == len(labels) {
			p = append(p, Paths{State: d["bootstate"], BootA: d["boot_a"], BootB: d["boot_b"], RootA: d["root_a"], RootB: d["root_b"]})
		}
	}
	switch len(p) {
	case 0:
		return Paths{}, fmt.Errorf("slots: no disk has the partitions %s", strings.Join(labels, ", "))
	case 1:
		return p[0], nil
	}
	return Paths{}, errors.New("slots: more than one disk has slots; take the other one away")
}

// diskOf is the disk of a partition: vda of vda2, mmcblk0 of mmcblk0p2.
func diskOf(device, number string) string {
	disk := strings.TrimSuffix(device, number)
	if cut, ok := strings.CutSuffix(disk, "p"); ok && cut != "" && cut[len(cut)-1] >= '0' && cut[len(cut)-1] <= '9' {
		return cut
	}
	return disk
}

// uevent reads a file of NAME=value lines.
func uevent(sys fs.FS, name string) (map[string]string, error) {
	f, err := sys.Open(path.Clean(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	values := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			values[name] = value
		}
	}
	return values, nil
}
