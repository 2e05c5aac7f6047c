package image

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

const bmapBlock = 4096

// bmap is the map of an image's parts that have to be written (bmap-tools,
// version 2.0). What is not in it may stay on the disk as it was.
func bmap(r io.ReaderAt, size int64, kept []span) ([]byte, error) {
	var ranges strings.Builder
	mapped := int64(0)
	buf := make([]byte, mib)
	err := runs(r, size, piece, kept, func(from, to int64) error {
		h := sha256.New()
		if _, err := io.CopyBuffer(h, io.NewSectionReader(r, from, to-from), buf); err != nil {
			return err
		}
		first, last := from/bmapBlock, (to-1)/bmapBlock
		mapped += last - first + 1
		fmt.Fprintf(&ranges, "        <Range chksum=\"%x\"> %d-%d </Range>\n", h.Sum(nil), first, last)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("image: map: %w", err)
	}
	const sum = "0000000000000000000000000000000000000000000000000000000000000000"
	text := fmt.Sprintf(`<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> %d </ImageSize>
    <BlockSize> %d </BlockSize>
    <BlocksCount> %d </BlocksCount>
    <MappedBlocksCount> %d </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> %s </BmapFileChecksum>
    <BlockMap>
%s    </BlockMap>
</bmap>
`, size, bmapBlock, (size+bmapBlock-1)/bmapBlock, mapped, sum, ranges.String())
	// The file's own checksum is taken with zeros in its place.
	return bytes.Replace([]byte(text), []byte(sum), fmt.Appendf(nil, "%x", sha256.Sum256([]byte(text))), 1), nil
}
