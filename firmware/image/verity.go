package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const verityBlock = 4096

// Verity is what it takes to open a root through dm-verity: the numbers of
// the kernel's table (Documentation/admin-guide/device-mapper/verity.rst).
// The tree lies behind the data on the same partition.
type Verity struct {
	Root       string `json:"root"` // hash, 64 hex digits
	Salt       string `json:"salt"` // hex
	DataBlocks int64  `json:"data_blocks"`
	HashBlock  int64  `json:"hash_block"` // where the tree begins; blocks of 4096 bytes
}

// verityTree is the hash tree over data, a whole number of blocks: version 1,
// SHA-256, without superblock, as "veritysetup format --no-superblock" writes
// it. The top level comes first.
func verityTree(data io.Reader, blocks int64, salt []byte) (root, tree []byte, err error) {
	var level []byte
	block := make([]byte, verityBlock)
	for range blocks {
		if _, err := io.ReadFull(data, block); err != nil {
			return nil, nil, fmt.Errorf("image: hash the root: %w", err)
		}
		level = append(level, saltedSum(salt, block)...)
	}
	var levels [][]byte
	for len(level) > sha256.Size { // a root of one block has no tree: the root hash is that of the block
		if n := len(level) % verityBlock; n != 0 {
			level = append(level, make([]byte, verityBlock-n)...)
		}
		levels = append(levels, level)
		var up []byte
		for i := 0; i < len(level); i += verityBlock {
			up = append(up, saltedSum(salt, level[i:i+verityBlock])...)
		}
		level = up
	}
	for i := len(levels) - 1; i >= 0; i-- {
		tree = append(tree, levels[i]...)
	}
	return level, tree, nil
}

func saltedSum(salt, block []byte) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(block)
	return h.Sum(nil)
}

// newVerity appends the tree to a root image.
func newVerity(root []byte, salt []byte) ([]byte, *Verity, error) {
	if n := len(root) % verityBlock; n != 0 {
		root = append(root, make([]byte, verityBlock-n)...)
	}
	if len(root) == 0 {
		return nil, nil, errors.New("image: hash the root: it is empty")
	}
	blocks := int64(len(root)) / verityBlock
	sum, tree, err := verityTree(bytes.NewReader(root), blocks, salt)
	if err != nil {
		return nil, nil, err
	}
	v := &Verity{Root: hex.EncodeToString(sum), Salt: hex.EncodeToString(salt), DataBlocks: blocks, HashBlock: blocks}
	return append(root, tree...), v, nil
}

// size is the length of root and tree, in bytes, and the length of the root
// alone. It refuses numbers that no root of ours has.
func (v *Verity) size() (whole, data int64, err error) {
	sum, err := hex.DecodeString(v.Root)
	if err != nil || len(sum) != sha256.Size {
		return 0, 0, fmt.Errorf("image: verity: root hash %q is not 64 hex digits", v.Root)
	}
	if _, err := hex.DecodeString(v.Salt); err != nil || len(v.Salt) > 128 {
		return 0, 0, fmt.Errorf("image: verity: salt %q is not up to 128 hex digits", v.Salt)
	}
	if v.DataBlocks < 1 || v.DataBlocks > RootSize/verityBlock || v.HashBlock != v.DataBlocks {
		return 0, 0, fmt.Errorf("image: verity: %d blocks of data and the tree at %d", v.DataBlocks, v.HashBlock)
	}
	tree, level := int64(0), v.DataBlocks
	for level > 1 {
		level = (level*sha256.Size + verityBlock - 1) / verityBlock
		tree += level
	}
	return (v.DataBlocks + tree) * verityBlock, v.DataBlocks * verityBlock, nil
}

// check reads a root and its tree and compares every block. It says which
// block of which file offset is the first that differs.
func (v *Verity) check(r io.ReaderAt) error {
	whole, data, err := v.size()
	if err != nil {
		return err
	}
	salt, _ := hex.DecodeString(v.Salt)
	sum, tree, err := verityTree(io.NewSectionReader(r, 0, data), v.DataBlocks, salt)
	if err != nil {
		return err
	}
	have := make([]byte, whole-data)
	if _, err := r.ReadAt(have, data); err != nil && err != io.EOF {
		return fmt.Errorf("image: verity: read the tree: %w", err)
	}
	if at := firstDifference(have, tree); at >= 0 {
		return fmt.Errorf("image: verity: %s", v.where(tree, have, at))
	}
	if hex.EncodeToString(sum) != v.Root {
		return fmt.Errorf("image: verity: the tree belongs to its root %x, the signed root hash is %s", sum, v.Root)
	}
	return nil
}

// where says what a difference between the computed tree and the one on disk
// means: a leaf that differs is a damaged block of data, if the tree above
// does not say that the leaf itself is.
func (v *Verity) where(computed, have []byte, at int) string {
	salt, _ := hex.DecodeString(v.Salt)
	leaves := len(computed) - int((v.DataBlocks*sha256.Size+verityBlock-1)/verityBlock)*verityBlock
	for i := leaves; i < len(have); i += sha256.Size {
		if bytes.Equal(have[i:i+sha256.Size], computed[i:i+sha256.Size]) {
			continue
		}
		if block := i / verityBlock * verityBlock; vouched(have, saltedSum(salt, have[block:block+verityBlock]), leaves, v.Root) {
			n := int64(i-leaves) / sha256.Size
			return fmt.Sprintf("block %d (byte %d of the root) is not what was signed", n, n*verityBlock)
		}
	}
	return fmt.Sprintf("the hash tree is not what was signed, first at byte %d of the root partition", v.HashBlock*verityBlock+int64(at))
}

// vouched tells whether the hash of a block of leaves stands in the levels
// above, or is the signed root hash.
func vouched(tree, sum []byte, leaves int, root string) bool {
	for i := 0; i < leaves; i += sha256.Size {
		if bytes.Equal(tree[i:i+sha256.Size], sum) {
			return true
		}
	}
	return hex.EncodeToString(sum) == root
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
