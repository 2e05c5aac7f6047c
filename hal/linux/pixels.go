package linux

import (
	"encoding/binary"
	"fmt"

	"volar/hal"
)

// converter writes the rows of a raw frame into dst, without padding.
type converter func(dst, src []byte, stride, width, height int)

// converters are the formats that package boards allows. Sensors of more than
// 10 bits lose the rest: on a full well of 10,000 electrons the tenth bit
// stands for 10 of them, which is what such a sensor's reading noise is.
func converterOf(pixels string) (converter, hal.Format, error) {
	switch pixels {
	case "GREY":
		return rows(1), hal.Y8, nil
	case "Y10":
		return words(0), hal.Y10, nil
	case "Y12":
		return words(2), hal.Y10, nil
	case "Y16":
		return words(6), hal.Y10, nil
	case "RGB3":
		return rows(3), hal.RGB24, nil
	case "BGR3":
		return swapped, hal.RGB24, nil
	case "YUYV":
		return luma(0, 1, 3), hal.RGB24, nil
	case "UYVY":
		return luma(1, 0, 2), hal.RGB24, nil
	}
	return nil, 0, fmt.Errorf("no converter for pixels %q", pixels)
}

func rows(per int) converter {
	return func(dst, src []byte, stride, width, height int) {
		for y := range height {
			copy(dst[y*width*per:(y+1)*width*per], src[y*stride:])
		}
	}
}

// words takes 16-bit samples, little endian, down to 10 bits.
func words(shift uint) converter {
	return func(dst, src []byte, stride, width, height int) {
		for y := range height {
			to, from := dst[y*width*2:(y+1)*width*2], src[y*stride:]
			for x := 0; x < len(to); x += 2 {
				v := binary.LittleEndian.Uint16(from[x:]) >> shift
				binary.LittleEndian.PutUint16(to[x:], min(v, 1023))
			}
		}
	}
}

func swapped(dst, src []byte, stride, width, height int) {
	for y := range height {
		to, from := dst[y*width*3:(y+1)*width*3], src[y*stride:]
		for x := 0; x < len(to); x += 3 {
			to[x], to[x+1], to[x+2] = from[x+2], from[x+1], from[x]
		}
	}
}

// luma takes packed 4:2:2 apart: in four bytes two pixels with brightness at
// first and first+2, which share their colour at u and v. The matrix is that
// of ITU-R BT.601 with 16 to 235 for black to white, in 1/65536.
func luma(first, u, v int) converter {
	return func(dst, src []byte, stride, width, height int) {
		for y := range height {
			to, from := dst[y*width*3:(y+1)*width*3], src[y*stride:]
			for x := range width {
				quad := from[x/2*4 : x/2*4+4]
				l := 76309 * (int(quad[first+x%2*2]) - 16)
				cb, cr := int(quad[u])-128, int(quad[v])-128
				to[3*x] = clip(l + 104597*cr)
				to[3*x+1] = clip(l - 25675*cb - 53279*cr)
				to[3*x+2] = clip(l + 132201*cb)
			}
		}
	}
}

func clip(v int) byte { return byte(min(max((v+1<<15)>>16, 0), 255)) }
