package flash

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// bench is a laptop: its own encrypted disk, a stick, a card, an eMMC, an
// empty reader, a USB disk that calls itself fixed and holds a mounted btrfs.
func bench() fstest.MapFS {
	m := fstest.MapFS{}
	add := func(name, link string, files map[string]string) {
		m["sys/block/"+name] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../devices/" + link + "/block/" + name)}
		for f, text := range files {
			m["sys/devices/"+link+"/block/"+name+"/"+f] = &fstest.MapFile{Data: []byte(text + "\n")}
		}
	}
	add("nvme0n1", "pci0/nvme0", map[string]string{"size": "1000000", "removable": "0", "dev": "259:0", "nvme0n1p1/partition": "1", "nvme0n1p1/dev": "259:1", "nvme0n1p1/holders/dm-0": ""})
	add("dm-0", "virtual", map[string]string{"size": "900000", "dev": "253:0"})
	add("sdb", "pci0/usb1/1-2", map[string]string{"size": "62333952", "removable": "1", "dev": "8:16", "ro": "0", "device/vendor": "SanDisk ", "device/model": "Ultra"})
	add("mmcblk0", "platform/mmc0", map[string]string{"size": "62333952", "removable": "0", "dev": "179:0", "device/type": "SD", "device/name": "SC32G", "device/serial": "0x1", "ro": "1"})
	add("mmcblk1", "platform/mmc1", map[string]string{"size": "62333952", "removable": "0", "dev": "179:8", "device/type": "MMC"})
	add("sdc", "pci0/usb1/1-3", map[string]string{"size": "0", "removable": "1", "dev": "8:32"})
	add("sdd", "pci0/usb1/1-4", map[string]string{"size": "9999999", "removable": "0", "dev": "8:48", "sdd1/partition": "1", "sdd1/dev": "8:49"})
	add("loop7", "virtual", map[string]string{"size": "0", "dev": "7:7"})
	add("zram0", "virtual", map[string]string{"size": "100", "dev": "254:9"})
	m["proc/self/mountinfo"] = &fstest.MapFile{Data: []byte("27 1 253:0 / / rw - ext4 /dev/mapper/root rw\n40 27 0:44 / /media/usb rw,nosuid shared:3 - btrfs /dev/sdd1 rw\n")}
	m["proc/swaps"] = &fstest.MapFile{Data: []byte("Filename\tType\tSize\n")}
	return m
}

func TestDisks(t *testing.T) {
	disks, err := Disks(bench())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]error{"nvme0n1": ErrUsed, "sdb": nil, "mmcblk0": ErrLocked, "mmcblk1": ErrBuiltIn, "sdc": ErrEmpty, "sdd": ErrUsed}
	for _, d := range disks {
		refuses, known := want[d.Name]
		if !known {
			t.Errorf("%s is listed", d.Name)
		}
		if err := d.Refuse(); !errors.Is(err, refuses) || (err == nil) != (refuses == nil) {
			t.Errorf("%s: %v, want %v", d.Name, err, refuses)
		}
		delete(want, d.Name)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	if d, err := Find(disks, "sdb"); err != nil || d.Bus != USB || d.Size != 62333952*512 || d.Model != "SanDisk Ultra" {
		t.Errorf("sdb is %+v, %v", d, err)
	}
	if d, err := Find(disks, "/dev/nvme0n1"); err != nil || !strings.Contains(d.Refuse().Error(), "mounted at /") {
		t.Errorf("the system disk: %+v, %v", d, err)
	}
}

// TestZeroDisk: a disk of which nothing is known is not written to.
func TestZeroDisk(t *testing.T) {
	if err := new(Disk).Refuse(); !errors.Is(err, ErrBuiltIn) {
		t.Error(err)
	}
}

func TestSwap(t *testing.T) {
	m := bench()
	m["proc/swaps"] = &fstest.MapFile{Data: []byte("Filename\tType\tSize\n/dev/sdb partition 1 0 -2\n")}
	disks, err := Disks(m)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := Find(disks, "sdb"); !errors.Is(d.Refuse(), ErrUsed) {
		t.Error("a disk that is swapped to may be written")
	}
}

// TestThisMachine: the disk that this machine runs from is never offered.
func TestThisMachine(t *testing.T) {
	disks, err := Disks(realRoot)
	if err != nil {
		t.Skip(err)
	}
	for _, d := range disks {
		for _, u := range d.Used {
			if u == "mounted at /" && d.Refuse() == nil {
				t.Errorf("%s is offered", d.Path)
			}
		}
	}
}
