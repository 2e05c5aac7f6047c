package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"volar/firmware/provision"
)

const (
	dataName  = "data"
	dataMount = "/data"
)

// openData opens the data partition, which it makes for a new unit.
func openData(secret []byte, fresh bool) error {
	device, err := mapData(provision.DiskKey(secret))
	if err != nil {
		return err
	}
	if fresh {
		if err := formatData(device); err != nil {
			return err
		}
	}
	if err := mountData(device); err != nil {
		return err
	}
	for _, dir := range []string{unitDir, stateDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// mapData opens the data partition through dm-crypt. XTS hides what is
// written and not that it was changed: what must not be changed is signed, or
// sealed, or in the TPM's counter.
func mapData(key [32]byte) (string, error) {
	device, err := partition(dataName, 0)
	if err != nil {
		return "", err
	}
	n, err := size(device)
	if err != nil {
		return "", err
	}
	n -= n % 4096
	table := fmt.Sprintf("aes-xts-plain64 %s 0 %s 0 1 sector_size:4096", hex.EncodeToString(key[:]), device)
	return mapDevice(dataName, target{kind: "crypt", table: table, bytes: n, secret: true})
}

// features of the file system, said one by one: mke2fs without its own file of
// settings makes one that has no journal.
const features = "none,has_journal,extent,filetype,sparse_super,large_file,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize,ext_attr,dir_index"

// formatData makes an empty file system. mke2fs is the one program of the
// root that is not ours.
func formatData(device string) error {
	cmd := exec.Command("/usr/sbin/mke2fs", "-q", "-F", "-b", "4096", "-m", "0", "-L", dataName,
		"-I", "256", "-O", features, "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", device)
	cmd.Env = []string{"MKE2FS_CONFIG=/dev/null"}
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mke2fs: %w: %s", err, out)
	}
	say("made the data partition in %v", time.Since(start).Round(time.Millisecond))
	return nil
}

// mountData mounts it. Naming how data is journalled refuses a file system
// without a journal, which a power cut would damage.
func mountData(device string) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME
	if err := unix.Mount(device, dataMount, "ext4", flags, "errors=remount-ro,data=ordered"); err != nil {
		return fmt.Errorf("mount %s: %w", dataMount, err)
	}
	return nil
}
