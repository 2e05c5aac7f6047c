package tape

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/zlib"

	"volar/hal"
)

// Of a PNG's head, and the filter of its rows.
// https://www.w3.org/TR/png-3/#11IHDR and #9Filter-types
const (
	pngGrey    = 0
	pngColour  = 2
	pngAverage = 3 // of the pixels to the left and above
)

// packers are kept because each has tables of half a megabyte.
var packers = sync.Pool{New: func() any {
	z, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		panic(err) // there is such a level
	}
	return z
}}

// encodePNG is a frame as a PNG that keeps every sample; Y10 becomes 16 bit
// grey as it is. Package image/png tries all filters on each row; on pictures
// with noise one for all gives as few bytes in a quarter of the time.
func encodePNG(f *hal.Frame) ([]byte, error) {
	depth, kind, swap := byte(8), byte(pngGrey), 0
	switch f.Format {
	case hal.RGB24:
		kind = pngColour
	case hal.Y10:
		depth, swap = 16, 1 // the high byte first
	}
	var packed bytes.Buffer
	z := packers.Get().(*zlib.Writer)
	defer packers.Put(z)
	z.Reset(&packed)
	bpp := f.Format.BytesPerPixel()
	n := f.Width * bpp
	row, above := make([]byte, bpp+n), make([]byte, bpp+n) // each after one pixel of zeros
	out := make([]byte, 1+n)
	out[0] = pngAverage
	for y := range f.Height {
		for x, v := range f.Pix[y*f.Stride:][:n] {
			row[bpp+(x^swap)] = v
		}
		for x, v := range row[bpp:] {
			out[1+x] = v - byte((uint(row[x])+uint(above[bpp+x]))/2)
		}
		if _, err := z.Write(out); err != nil {
			return nil, err
		}
		row, above = above, row
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(f.Width))
	head = binary.BigEndian.AppendUint32(head, uint32(f.Height))
	head = append(head, depth, kind, 0, 0, 0) // deflate, the five filters, no interlacing
	b := pngChunk([]byte("\x89PNG\r\n\x1a\n"), "IHDR", head)
	return pngChunk(pngChunk(b, "IDAT", packed.Bytes()), "IEND", nil), nil
}

func pngChunk(b []byte, name string, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	from := len(b)
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:]))
}
