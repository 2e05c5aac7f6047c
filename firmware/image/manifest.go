package image

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Manifest says what an image is. It lies beside it as manifest.json, signed
// with the release key in manifest.json.sig.
type Manifest struct {
	Release
	Disk       string      `json:"disk"` // GUID of the partition table, which tells the board
	Boot       Part        `json:"boot"`
	PCR8       string      `json:"pcr8"` // hex; of the SHA-256 bank after a boot
	Root       Part        `json:"root"`
	Verity     Verity      `json:"verity"`
	Loader     *Part       `json:"loader,omitempty"` // the boot loader's file beside the image
	Image      Part        `json:"image"`
	Packed     Part        `json:"packed"` // the same, compressed
	Map        Part        `json:"map"`    // .bmap
	SBOM       Part        `json:"sbom"`
	Files      []Part      `json:"boot_files,omitempty"` // of the FAT partition, or of the space before the first
	Partitions []Partition `json:"partitions"`
}

// Part is a file of the folder that Build makes.
type Part struct {
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hex
}

func partOf(file string, b []byte) Part {
	sum := sha256.Sum256(b)
	return Part{File: file, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

const manifestFile = "manifest.json"

// manifestContext keeps the signature from being taken for one over something
// else.
const manifestContext = "volar image manifest 1\x00"

// sign gives the manifest's file and its signature's.
func (m *Manifest) sign(key ed25519.PrivateKey) (file, sig []byte, err error) {
	file, err = json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, nil, fmt.Errorf("image: write the manifest: %w", err)
	}
	file = append(file, '\n')
	return file, ed25519.Sign(key, append([]byte(manifestContext), file...)), nil
}
