package unit

import (
	"encoding/hex"
	"fmt"
)

// BlockSize is that of dm-verity's data and hash blocks, in bytes.
const BlockSize = 4096

// Verity says what a slot's root must be: etc/volar/verity.json of the signed
// initramfs. The hash tree lies behind the data on the same partition.
type Verity struct {
	Root       string `json:"root"` // hex; SHA-256, the top of the tree
	Salt       string `json:"salt"` // hex; may be empty
	DataBlocks uint64 `json:"data_blocks"`
	HashBlock  uint64 `json:"hash_block"` // where the tree begins
}

// maxBlocks bounds a root: 1 TiB.
const maxBlocks = 1 << 28

// ParseVerity reads verity.json.
func ParseVerity(b []byte) (Verity, error) {
	var v Verity
	if err := strict(b, &v); err != nil {
		return Verity{}, fmt.Errorf("unit: verity: %w", err)
	}
	root, err := hex.DecodeString(v.Root)
	if err != nil || len(root) != 32 {
		return Verity{}, fmt.Errorf("unit: verity: root %q is not 32 bytes of hex", v.Root)
	}
	if salt, err := hex.DecodeString(v.Salt); err != nil || len(salt) > 256 {
		return Verity{}, fmt.Errorf("unit: verity: salt %q is not up to 256 bytes of hex", v.Salt)
	}
	if v.DataBlocks < 1 || v.DataBlocks > maxBlocks || v.HashBlock < v.DataBlocks || v.HashBlock > maxBlocks {
		return Verity{}, fmt.Errorf("unit: verity: %d data blocks and a tree at %d, allowed 1 to %d and behind the data", v.DataBlocks, v.HashBlock, maxBlocks)
	}
	return v, nil
}

// Bytes is the size of the data.
func (v Verity) Bytes() int64 { return int64(v.DataBlocks) * BlockSize }

// Table is the line for the device mapper (kernel: admin-guide/device-mapper/
// verity.rst). Where a read that does not match shall be an error for the
// reader, panic is false; where it shall stop the machine, true.
func (v Verity) Table(device string, panics bool) string {
	salt := v.Salt
	if salt == "" {
		salt = "-"
	}
	line := fmt.Sprintf("1 %s %s %d %d %d %d sha256 %s %s", device, device, BlockSize, BlockSize, v.DataBlocks, v.HashBlock, v.Root, salt)
	if panics {
		line += " 1 panic_on_corruption"
	}
	return line
}
